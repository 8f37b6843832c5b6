#!/bin/sh
# Registers Postern's mail app in Microsoft Entra ID for access without a person: the app, its application permissions with
# admin consent{% if makes_secret %}, and a secret{% endif %}. Each run makes another app. It needs the Azure CLI (Azure Cloud Shell has it) and an account that
# may grant admin consent to application permissions.
set -eu

name={{ name }}
# Of Office 365 Exchange Online, for its mail servers: they open no mailbox that Exchange does not let the app into.
exchange_roles={{ exchange_roles }}
# Of Microsoft Graph: they open every mailbox of the organization.
graph_roles={{ graph_roles }}
tenant={{ tenant }}
exchange=00000002-0000-0ff1-ce00-000000000000
graph=00000003-0000-0000-c000-000000000000

az cloud set --name {{ cloud }}
if [ -n "$tenant" ]; then
  az login --allow-no-subscriptions --tenant="$tenant" --output none
else
  az login --allow-no-subscriptions --output none
fi

# Permissions are asked for by their ids, which are looked up by name.
wanted=
look_up() {
  id=$(az ad sp show --id "$1" --query "appRoles[?value=='$2'].id | [0]" --output tsv)
  [ -n "$id" ] || { echo "$1 has no application permission $2 in this tenant." >&2; exit 1; }
  wanted="$wanted $1:$id"
}
for role in $exchange_roles; do look_up "$exchange" "$role"; done
for role in $graph_roles; do look_up "$graph" "$role"; done

app=$(az ad app create --display-name="$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
principal=$(az ad sp create --id "$app" --query id --output tsv)
endpoint=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
for one in $wanted; do
  api=${one%%:*} id=${one#*:}
  az ad app permission add --id "$app" --api "$api" --api-permissions "$id=Role" --output none
  # Admin consent to one permission.
  resource=$(az ad sp show --id "$api" --query id --output tsv)
  az rest --method POST --url "${endpoint%/}/v1.0/servicePrincipals/$principal/appRoleAssignments" --output none \
    --body "{\"principalId\":\"$principal\",\"resourceId\":\"$resource\",\"appRoleId\":\"$id\"}"
done
{% if makes_secret %}secret=$(az ad app credential reset --id "$app" --append --display-name Postern --years 2 --query password --output tsv)
{% endif %}
echo
echo "Client ID:      $app"
echo "Tenant:         $(az account show --query tenantId --output tsv)"
{% if makes_secret %}echo "Client Secret:  $secret"
{% endif %}echo "Object ID:      $principal"
{% if makes_secret %}echo "Enter the first three in Postern; the Object ID belongs in the commands for Exchange. The secret is printed only this"
echo "once, and it ends in two years."{% else %}echo "Enter the first two in Postern, and upload its .cer file under Certificates & secrets; the Object ID belongs in the"
echo "commands for Exchange."{% endif %}
