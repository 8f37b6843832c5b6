#!/bin/sh
# Registers Postern's mail app in Microsoft Entra ID for access without a person: the app, its application permissions of
# Office 365 Exchange Online with admin consent, and a secret. Each run makes another app. It needs the Azure CLI (Azure Cloud
# Shell has it) and an account that may grant admin consent to application permissions.
set -eu

name={{ name }}
roles={{ roles }}
tenant={{ tenant }}
exchange=00000002-0000-0ff1-ce00-000000000000

az cloud set --name {{ cloud }}
if [ -n "$tenant" ]; then
  az login --allow-no-subscriptions --tenant="$tenant" --output none
else
  az login --allow-no-subscriptions --output none
fi

# Permissions are asked for by their ids, which are looked up by name.
ids=
for role in $roles; do
  id=$(az ad sp show --id "$exchange" --query "appRoles[?value=='$role'].id | [0]" --output tsv)
  [ -n "$id" ] || { echo "Office 365 Exchange Online has no permission $role in this tenant." >&2; exit 1; }
  ids="$ids $id"
done

app=$(az ad app create --display-name="$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
principal=$(az ad sp create --id "$app" --query id --output tsv)
resource=$(az ad sp show --id "$exchange" --query id --output tsv)
graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
for id in $ids; do
  az ad app permission add --id "$app" --api "$exchange" --api-permissions "$id=Role" --output none
  # Admin consent to one permission.
  az rest --method POST --url "${graph%/}/v1.0/servicePrincipals/$principal/appRoleAssignments" --output none \
    --body "{\"principalId\":\"$principal\",\"resourceId\":\"$resource\",\"appRoleId\":\"$id\"}"
done
secret=$(az ad app credential reset --id "$app" --append --display-name Postern --years 2 --query password --output tsv)

echo
echo "Client ID:      $app"
echo "Tenant:         $(az account show --query tenantId --output tsv)"
echo "Client Secret:  $secret"
echo "Object ID:      $principal"
echo "Enter the first three in Postern; the Object ID belongs in the commands for Exchange. The secret is printed only this"
echo "once, and it ends in two years."
