// What pages gain when scripts run: they become live and a few buttons appear. Every page works without.
"use strict";

// On a narrow screen the rail scrolls: the page one is on is in sight.
document.querySelector(".rail [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Copy buttons: <button data-copy="#id">.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  } catch {
    getSelection().selectAllChildren(source); // no clipboard: selected, ready for Ctrl+C
  }
});

// A button that takes a while says so and cannot be pressed twice; one that destroys asks first.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button) return;
  if (button.dataset.sure && !confirm(button.dataset.sure)) return event.preventDefault();
  // After the browser has collected the fields: a disabled button's name is not sent.
  setTimeout(() => { button.disabled = true; if (button.dataset.busy) button.textContent = button.dataset.busy; });
  setTimeout(() => { button.disabled = false; }, 8000);
});

// A provider's servers, filled in when it is chosen and nothing else was typed.
document.addEventListener("change", (event) => {
  const select = event.target.closest("select[data-prefill]");
  if (!select) return;
  const { host, port, security } = select.selectedOptions[0].dataset;
  const form = select.form;
  if (!host || form.host.value.trim()) return;
  form.host.value = host; form.port.value = port; form.security.value = security;
});

// Tenant fills both endpoints; a pasted endpoint fills Tenant. The server does the same, and judges.
const endpoint = /^(https:\/\/login\.microsoftonline\.[a-z]+)\/([^/]+)\/oauth2\/v2\.0\/(authorize|token)$/;
document.addEventListener("change", (event) => {
  const field = event.target;
  const form = field.form;
  if (!form || form.id !== "authorization") return;
  const both = [form.authorization_endpoint, form.token_endpoint];
  if (field === form.tenant && field.value.trim()) {
    for (const [input, leg] of [[both[0], "authorize"], [both[1], "token"]]) {
      const known = endpoint.exec(input.value.trim());
      if (known || !input.value.trim()) input.value = `${known ? known[1] : "https://login.microsoftonline.com"}/${field.value.trim()}/oauth2/v2.0/${leg}`;
    }
  } else if (both.includes(field)) {
    const known = endpoint.exec(field.value.trim());
    if (known && !known[2].startsWith("{") && !form.tenant.value.trim()) form.tenant.value = known[2];
  }
});

// Live pages: an element with an id and data-live="topic …" is read again when a topic changes.
const live = { topics: new Set(), timer: 0 };
const lookAgain = async () => {
  const topics = live.topics;
  live.topics = new Set();
  const stale = [...document.querySelectorAll("[data-live][id]")].filter((part) =>
    topics.has("everything") || part.dataset.live.split(" ").some((topic) => topics.has(topic)));
  const parts = stale.filter((part) => !part.contains(document.activeElement));
  if (!parts.length) return;
  const answer = await fetch(location.href, { headers: { "x-live": "1" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const next = fresh.getElementById(part.id);
    const event = new CustomEvent("postern:fresh", { bubbles: true, cancelable: true, detail: next });
    // A part may take the news in its own way (the list keeps the row under the pointer in place).
    if (next && part.dispatchEvent(event) && next.innerHTML !== part.innerHTML) part.replaceChildren(...next.childNodes);
  }
};
const onTopic = (topic) => {
  live.topics.add(topic);
  clearTimeout(live.timer);
  live.timer = setTimeout(lookAgain, 120); // several changes of one commit are one look
};
if (document.querySelector("[data-live]") && "EventSource" in window) {
  const stream = new EventSource("/live");
  for (const topic of ["ticket", "inbox", "outbox", "mailbox", "everything"]) stream.addEventListener(topic, () => onTopic(topic));
  let opened = false;
  stream.onopen = () => { if (opened) onTopic("everything"); opened = true; }; // back after a gap
  addEventListener("pagehide", () => stream.close());
}
