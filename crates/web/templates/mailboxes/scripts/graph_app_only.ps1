# Registers Postern's mail app in Microsoft Entra ID for access without a person: the app, its application permissions of
# Office 365 Exchange Online with admin consent, and a secret. Each run makes another app. It needs PowerShell 7 with the
# module Microsoft.Graph (Install-Module Microsoft.Graph) and an account that may grant admin consent to application permissions.
$ErrorActionPreference = 'Stop'

$name = {{ name }}
$roles = {{ roles }} -split ' '
$tenant = {{ tenant }}

$connect = @{ Environment = {{ environment }}; Scopes = 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All'; NoWelcome = $true }
if ($tenant) { $connect.TenantId = $tenant }
Connect-MgGraph @connect

# Permissions are asked for by their ids, which are looked up by name.
$exchange = Get-MgServicePrincipal -Filter "appId eq '00000002-0000-0ff1-ce00-000000000000'"
$access = foreach ($role in $roles) {
    $found = $exchange.AppRoles | Where-Object { $_.Value -eq $role }
    if (-not $found) { throw "Office 365 Exchange Online has no permission $role in this tenant." }
    @{ Id = $found.Id; Type = 'Role' }
}

$app = New-MgApplication -DisplayName $name -SignInAudience 'AzureADMyOrg' `
    -RequiredResourceAccess @(@{ ResourceAppId = $exchange.AppId; ResourceAccess = @($access) })
$principal = New-MgServicePrincipal -AppId $app.AppId
foreach ($one in $access) {
    # Admin consent to one permission.
    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $principal.Id -PrincipalId $principal.Id -ResourceId $exchange.Id -AppRoleId $one.Id | Out-Null
}
$secret = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = 'Postern'; EndDateTime = (Get-Date).AddMonths(24) }

Write-Host
Write-Host "Client ID:      $($app.AppId)"
Write-Host "Tenant:         $((Get-MgContext).TenantId)"
Write-Host "Client Secret:  $($secret.SecretText)"
Write-Host "Object ID:      $($principal.Id)"
Write-Host 'Enter the first three in Postern; the Object ID belongs in the commands for Exchange. The secret is printed only'
Write-Host 'this once, and it ends in two years.'
