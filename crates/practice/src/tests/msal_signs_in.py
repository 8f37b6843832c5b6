"""Signs in at the practice provider with MSAL for Python, in every way that it offers. Run by msal.rs."""
import json, re, sys, threading, urllib.parse
import msal, requests

given = json.load(open(sys.argv[1]))
IMAP = ["https://outlook.office.com/IMAP.AccessAsUser.All"]
SMTP = ["https://outlook.office.com/SMTP.Send"]
common = dict(authority=given["authority"], verify=given["ca"], instance_discovery=False)
origin = "/".join(given["authority"].split("/")[:3])
tenant = given["authority"].rsplit("/", 1)[1]
# The browser: keeps no cookies, follows nothing, fills in the pages' forms.
browser = requests.Session(); browser.verify = given["ca"]


def must(result, *names):
    assert "error" not in result, result
    for name in names:
        assert result.get(name), (name, sorted(result))
    return result


def sign_in(page):
    assert page.status_code == 200, page.text
    flow = re.search(r'name="flow" value="([^"]+)"', page.text).group(1)
    form = {"flow": flow, "account": given["account"], "password": "any"}
    return browser.post(f"{origin}/{tenant}/login", data=form, allow_redirects=False)


def by_code(client, scopes):
    flow = client.initiate_auth_code_flow(scopes, redirect_uri=given["callback"], login_hint=given["account"])
    back = sign_in(browser.get(flow["auth_uri"]))
    answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back.headers["location"]).query))
    result = must(client.acquire_token_by_auth_code_flow(flow, answer), "access_token", "refresh_token", "id_token")
    assert result["id_token_claims"]["preferred_username"] == given["account"], result["id_token_claims"]
    return result


secret = msal.ConfidentialClientApplication(given["client_id"], client_credential=given["secret"], **common)
first = by_code(secret, IMAP + SMTP)
print("ok: code")

account = secret.get_accounts()[0]
again = must(secret.acquire_token_silent(IMAP, account, force_refresh=True), "access_token")
assert again["access_token"] != first["access_token"]
other = must(secret.acquire_token_by_refresh_token(first["refresh_token"], SMTP), "access_token")
assert "SMTP.Send" in other["scope"], other["scope"]
print("ok: refresh")

for certificate in given["certificates"]:
    credential = {"private_key": given["key"], "public_certificate": certificate}
    client = msal.ConfidentialClientApplication(given["client_id"], client_credential=credential, **common)
    by_code(client, IMAP)
print("ok: certificate")

must(client.acquire_token_for_client(["https://outlook.office365.com/.default"]), "access_token")
refused = secret.acquire_token_for_client(["https://outlook.office.com/IMAP.AccessAsUser.All"])
assert refused["error_codes"] == [1002012], refused
print("ok: app only")

public = msal.PublicClientApplication(given["device_client_id"], **common)
flow = must(public.initiate_device_flow(IMAP), "user_code", "device_code", "verification_uri", "message")


def approve():
    sign_in(browser.post(flow["verification_uri"], data={"otc": flow["user_code"]}))


# While the first poll is told to wait.
threading.Timer(2, approve).start()
must(public.acquire_token_by_device_flow(flow), "access_token", "refresh_token", "id_token")
print("ok: device code")
