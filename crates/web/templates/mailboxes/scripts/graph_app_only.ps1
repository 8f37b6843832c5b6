# Registers Postern's mail app in Microsoft Entra ID for access without a person: the app, its application permissions with
# admin consent{% if makes_secret %}, and a secret{% endif %}. Each run makes another app. It needs PowerShell 7 with the module Microsoft.Graph (Install-Module
# Microsoft.Graph) and an account that may grant admin consent to application permissions.
$ErrorActionPreference = 'Stop'

$name = {{ name }}
$roles = [ordered]@{
    # Of Office 365 Exchange Online, for its mail servers: they open no mailbox that Exchange does not let the app into.
    '00000002-0000-0ff1-ce00-000000000000' = {{ exchange_roles }}
    # Of Microsoft Graph: they open every mailbox of the organization.
    '00000003-0000-0000-c000-000000000000' = {{ graph_roles }}
}
$tenant = {{ tenant }}

$connect = @{ Environment = {{ environment }}; Scopes = 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All'; NoWelcome = $true }
if ($tenant) { $connect.TenantId = $tenant }
Connect-MgGraph @connect

# Permissions are asked for by their ids, which are looked up by name.
$wanted = foreach ($api in $roles.Keys) {
    $names = @($roles[$api] -split ' ' | Where-Object { $_ })
    if (-not $names) { continue }
    $resource = Get-MgServicePrincipal -Filter "appId eq '$api'"
    foreach ($role in $names) {
        $found = $resource.AppRoles | Where-Object { $_.Value -eq $role }
        if (-not $found) { throw "$($resource.DisplayName) has no application permission $role in this tenant." }
        @{ Api = $api; Resource = $resource.Id; Id = $found.Id }
    }
}
$access = foreach ($of in @($wanted) | Group-Object { $_.Api }) {
    @{ ResourceAppId = $of.Name; ResourceAccess = @($of.Group | ForEach-Object { @{ Id = $_.Id; Type = 'Role' } }) }
}

$app = New-MgApplication -DisplayName $name -SignInAudience 'AzureADMyOrg' -RequiredResourceAccess @($access)
$principal = New-MgServicePrincipal -AppId $app.AppId
foreach ($one in @($wanted)) {
    # Admin consent to one permission.
    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $principal.Id -PrincipalId $principal.Id -ResourceId $one.Resource -AppRoleId $one.Id | Out-Null
}
{% if makes_secret %}$secret = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = 'Postern'; EndDateTime = (Get-Date).AddMonths(24) }
{% endif %}
Write-Host
Write-Host "Client ID:      $($app.AppId)"
Write-Host "Tenant:         $((Get-MgContext).TenantId)"
{% if makes_secret %}Write-Host "Client Secret:  $($secret.SecretText)"
{% endif %}Write-Host "Object ID:      $($principal.Id)"
{% if makes_secret %}Write-Host 'Enter the first three in Postern; the Object ID belongs in the commands for Exchange. The secret is printed only'
Write-Host 'this once, and it ends in two years.'{% else %}Write-Host 'Enter the first two in Postern, and upload its .cer file under Certificates & secrets; the Object ID belongs in the'
Write-Host 'commands for Exchange.'{% endif %}
