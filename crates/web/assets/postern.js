// What pages gain when scripts run: they become live and a few buttons appear. Every page works without.
"use strict";

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
