# Registers Postern's mail app in Microsoft Entra ID: the app with this site's callback, its delegated permissions with
# consent for the whole organization{% if makes_secret %}, and a secret{% endif %}. Each run makes another app. It needs PowerShell 7 with the module
# Microsoft.Graph (Install-Module Microsoft.Graph) and an account that may grant admin consent.
$ErrorActionPreference = 'Stop'

$name = {{ name }}
$callback = {{ callback }}
$permissions = {{ permissions }} -split ' '
$tenant = {{ tenant }}

$connect = @{ Environment = {{ environment }}; Scopes = 'Application.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All'; NoWelcome = $true }
if ($tenant) { $connect.TenantId = $tenant }
Connect-MgGraph @connect

# Permissions are asked for by their ids, which are looked up by name.
$graph = Get-MgServicePrincipal -Filter "appId eq '00000003-0000-0000-c000-000000000000'"
$access = foreach ($permission in $permissions) {
    $scope = $graph.Oauth2PermissionScopes | Where-Object { $_.Value -eq $permission }
    if (-not $scope) { throw "Microsoft Graph has no permission $permission in this tenant." }
    @{ Id = $scope.Id; Type = 'Scope' }
}

$app = New-MgApplication -DisplayName $name -SignInAudience {{ audience }} -Web @{ RedirectUris = @($callback) } `
    -RequiredResourceAccess @(@{ ResourceAppId = $graph.AppId; ResourceAccess = @($access) })
$principal = New-MgServicePrincipal -AppId $app.AppId
New-MgOauth2PermissionGrant -ClientId $principal.Id -ConsentType 'AllPrincipals' -ResourceId $graph.Id -Scope ($permissions -join ' ') | Out-Null
{% if makes_secret %}$secret = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = 'Postern'; EndDateTime = (Get-Date).AddMonths(24) }
{% endif %}
Write-Host
Write-Host "Client ID:      $($app.AppId)"
Write-Host "Tenant:         $((Get-MgContext).TenantId)"
{% if makes_secret %}Write-Host "Client Secret:  $($secret.SecretText)"
Write-Host 'Enter these three in Postern. The secret is printed only this once, and it ends in two years.'{% else %}Write-Host 'Enter these two in Postern, and upload the .cer file of Postern under Certificates & secrets.'{% endif %}
