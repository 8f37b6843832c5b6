#!/bin/sh
# Registers Postern's mail app in Microsoft Entra ID: the app with this site's callback, its delegated permissions with
# consent for the whole organization{% if makes_secret %}, and a secret{% endif %}. Each run makes another app. It needs the Azure CLI (Azure Cloud Shell
# has it) and an account that may grant admin consent.
set -eu

name={{ name }}
callback={{ callback }}
permissions={{ permissions }}
tenant={{ tenant }}
graph=00000003-0000-0000-c000-000000000000

az cloud set --name {{ cloud }}
if [ -n "$tenant" ]; then
  az login --allow-no-subscriptions --tenant="$tenant" --output none
else
  az login --allow-no-subscriptions --output none
fi

# Permissions are asked for by their ids, which are looked up by name.
wanted=
for permission in $permissions; do
  id=$(az ad sp show --id "$graph" --query "oauth2PermissionScopes[?value=='$permission'].id | [0]" --output tsv)
  [ -n "$id" ] || { echo "Microsoft Graph has no permission $permission in this tenant." >&2; exit 1; }
  wanted="$wanted $id=Scope"
done

app=$(az ad app create --display-name="$name" --sign-in-audience {{ audience }} --web-redirect-uris="$callback" --query appId --output tsv)
az ad sp create --id "$app" --output none
az ad app permission add --id "$app" --api "$graph" --api-permissions $wanted --output none
az ad app permission grant --id "$app" --api "$graph" --scope "$permissions" --output none
{% if makes_secret %}secret=$(az ad app credential reset --id "$app" --append --display-name Postern --years 2 --query password --output tsv)
{% endif %}
echo
echo "Client ID:      $app"
echo "Tenant:         $(az account show --query tenantId --output tsv)"
{% if makes_secret %}echo "Client Secret:  $secret"
echo "Enter these three in Postern. The secret is printed only this once, and it ends in two years."{% else %}echo "Enter these two in Postern, and upload Postern's .cer file under Certificates & secrets."{% endif %}
