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

// A file that is read into a field: <input type="file" data-into="#id">. It is sent with the form as what was read.
document.addEventListener("change", async (event) => {
  const into = event.target.dataset?.into;
  const file = into && event.target.files?.[0];
  if (file && file.size < 65536) document.querySelector(into).value = await file.text();
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

// The port follows the protocol, unless another one was chosen.
const ports = { imap: "993", pop3: "995", graph: "443", smtp: "587" };
document.addEventListener("change", (event) => {
  const { id, form, value } = event.target;
  if (id === "protocol" && Object.values(ports).includes(form.port.value.trim())) form.port.value = ports[value];
});

// Tenant fills both endpoints; a pasted endpoint fills Tenant. The server does the same, and judges.
const endpoint = /^(https?:\/\/[^/]+)\/([^/]+)\/oauth2\/v2\.0\/(authorize|token)$/;
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

// A countdown: <span data-left="900">, in seconds as the server counted them.
const countDown = () => {
  for (const part of document.querySelectorAll("[data-left]")) {
    part.dataset.end ??= Date.now() + part.dataset.left * 1000;
    const left = Math.max(0, Math.round((part.dataset.end - Date.now()) / 1000));
    part.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
};
if (document.getElementById("device")) { countDown(); setInterval(countDown, 1000); }
// As long as it is the same code, nothing changes under the hand that copies it.
document.getElementById("device")?.addEventListener("postern:fresh", (event) => {
  const code = (part) => part.querySelector("#user-code")?.textContent;
  if (code(event.target) && code(event.target) === code(event.detail)) event.preventDefault();
});

// Live pages: an element with an id and data-live="topic …" is read again when a topic changes.
const live = { topics: new Set(), timer: 0, looking: Promise.resolve() };
const look = async () => {
  const topics = live.topics;
  live.topics = new Set();
  const stale = [...document.querySelectorAll("[data-live][id]")].filter((part) =>
    topics.has("everything") || part.dataset.live.split(" ").some((topic) => topics.has(topic)));
  // What has the focus is left alone, unless it knows how to keep it.
  const parts = stale.filter((part) => !part.contains(document.activeElement) || "keepsFocus" in part.dataset);
  if (!parts.length) return;
  const answer = await fetch(location.href, { headers: { "x-live": "1" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const next = fresh.getElementById(part.id);
    const event = new CustomEvent("postern:fresh", { bubbles: true, cancelable: true, detail: next });
    // A part may take the news in its own way (the list keeps the row under the pointer in place).
    if (!next || !part.dispatchEvent(event) || next.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) && document.activeElement.id;
    part.replaceChildren(...next.childNodes);
    if (focused) document.getElementById(focused)?.focus();
  }
};
// One look after the other: an older answer that comes late would undo a newer one.
const lookAgain = () => { live.looking = live.looking.then(look).catch(() => {}); };
const onTopic = (topic) => {
  live.topics.add(topic);
  clearTimeout(live.timer);
  if (!document.hidden) live.timer = setTimeout(lookAgain, 120); // several changes of one commit are one look
};
if (document.querySelector("[data-live]") && "EventSource" in window) {
  let stream = null;
  let timer = 0;
  const listen = () => {
    clearTimeout(timer);
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    stream = new EventSource("/live");
    for (const topic of ["ticket", "inbox", "outbox", "mailbox", "grant", "notice", "mail_hold", "everything"]) stream.addEventListener(topic, () => onTopic(topic));
    // Also the first time: what happened while this page was on its way is not announced again.
    stream.onopen = () => onTopic("everything");
    // Refused for good, as when too many pages are open: this one looks by itself, and asks again.
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) { clearTimeout(timer); timer = setTimeout(() => { onTopic("everything"); listen(); }, 60000); } };
  };
  const stop = () => { clearTimeout(timer); stream?.close(); };
  listen();
  // A page that nobody looks at gives its connection back: browsers and servers have only so many.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) { timer = setTimeout(stop, 30000); return; }
    if (live.topics.size) lookAgain();
    listen();
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
}

// The list of tickets. News comes in at once, and no row moves under the pointer: while the pointer or the
// focus is in the list, what is new waits behind a strip, and what is there changes in its place.
const list = document.getElementById("list");
if (list) {
  const strip = document.getElementById("arrivals");
  const said = document.getElementById("arrivals-said");
  let waiting = null;
  let over = false;
  const rowsOf = (part) => [...part.querySelectorAll("tr.row")];
  const busy = () => over || rowsOf(list).some((row) => row.contains(document.activeElement));
  const places = (rows) => rows.map((row) => row.id).join();
  const keepUp = (fresh) => {
    const next = new Map(rowsOf(fresh).map((row) => [row.id, row]));
    for (const row of rowsOf(list)) {
      const news = next.get(row.id);
      row.classList.toggle("gone", !news);
      if (!news || news.innerHTML === row.innerHTML && news.classList.contains("news") === row.classList.contains("news")) continue;
      const focused = row.contains(document.activeElement);
      row.className = news.className;
      row.innerHTML = news.innerHTML;
      if (focused) row.querySelector("a")?.focus();
    }
  };
  const takeIn = (fresh) => {
    waiting = null;
    strip.hidden = true;
    const known = new Set(rowsOf(list).map((row) => row.id));
    const focused = document.activeElement?.closest?.("tr.row")?.id;
    list.replaceChildren(...fresh.cloneNode(true).childNodes);
    for (const row of rowsOf(list)) if (known.size && !known.has(row.id)) row.classList.add("arrived");
    if (focused) document.getElementById(focused)?.querySelector("a")?.focus();
  };
  const tell = (count) => {
    const text = count === 1 ? "1 new ticket" : `${count} new tickets`;
    if (strip.textContent !== text) { strip.textContent = text; said.textContent = text; }
    strip.hidden = false;
  };
  list.addEventListener("postern:fresh", (event) => {
    event.preventDefault();
    const fresh = event.detail;
    if (places(rowsOf(fresh)) === places(rowsOf(list)) && rowsOf(list).length) { keepUp(fresh); waiting = null; strip.hidden = true; return; }
    const known = new Set(rowsOf(list).map((row) => row.id));
    const arrivals = rowsOf(fresh).filter((row) => !known.has(row.id)).length;
    if (!busy() || !rowsOf(list).length) {
      takeIn(fresh);
      if (arrivals && !("laterPage" in list.dataset)) said.textContent = arrivals === 1 ? "1 new ticket" : `${arrivals} new tickets`;
      return;
    }
    keepUp(fresh);
    waiting = fresh;
    if (arrivals) tell(arrivals);
  });
  strip.addEventListener("click", () => { if (waiting) { takeIn(waiting); list.querySelector("tr.row a")?.focus(); } });
  list.addEventListener("pointerover", (event) => { over = event.pointerType !== "touch" && Boolean(event.target.closest("tr.row")); });
  list.addEventListener("pointerleave", () => { over = false; if (waiting && !busy()) takeIn(waiting); });
}

// Keys: j and k through the list, r and n to write, / to find. Never while something is typed.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const send = event.target.closest("form[data-composer]")?.querySelector("[data-send]");
      if (send) { event.preventDefault(); send.click(); }
    } else if (event.key === "Escape") typing.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    const links = [...document.querySelectorAll(".tickets tr.row .subject a")];
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step));
    links[next].focus();
    event.preventDefault();
  } else if (event.key === "/") {
    const search = document.querySelector("[data-key-search]");
    if (search) { search.focus(); search.select(); event.preventDefault(); }
    else if (document.getElementById("thread")) { location.href = "/tickets"; event.preventDefault(); }
  } else if (event.key === "r" || event.key === "n") {
    if (openComposer(event.key === "r" ? "reply" : "note", true)) event.preventDefault();
  }
});

// The composers: both are on the page, one is open.
const composers = [...document.querySelectorAll("form[data-composer]")];
const openComposer = (name, focus) => {
  const wanted = composers.find((form) => form.dataset.composer === name);
  if (!wanted) return false;
  for (const form of composers) form.hidden = form !== wanted;
  if (focus) {
    wanted.querySelector("textarea").focus();
    wanted.scrollIntoView({ block: "nearest" });
  }
  return true;
};
if (composers.length) document.documentElement.classList.add("scripted");

for (const form of composers) {
  const text = form.querySelector("textarea");
  const saved = form.querySelector("[data-saved]");
  const files = form.querySelector("[data-files]");
  const shelf = form.querySelector("[data-draft-files]");
  let timer = 0;
  let changed = false;
  let leaving = false;
  let queue = Promise.resolve();

  // One save after the other, so that an older text never overwrites a newer one.
  const save = (extra) => {
    clearTimeout(timer);
    changed = false;
    const body = new FormData(form);
    body.delete("files");
    for (const [name, value] of extra || []) body.append(name, value);
    queue = queue.then(async () => {
      if (leaving) return;
      try {
        const answer = await fetch(form.dataset.drafts, { method: "POST", body, headers: { "x-live": "1" }, redirect: "manual" });
        if (answer.status === 413) throw new Error("These files are too large together.");
        if (!answer.ok) throw new Error("Not saved. Your text is still here.");
        const part = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (extra) shelf.replaceChildren(...(part.querySelector("[data-draft-files]")?.childNodes ?? []));
        const now = part.querySelector("[data-saved]");
        saved.textContent = now && (text.value.trim() || shelf.childNodes.length) ? now.textContent : "";
        const tooMuch = part.querySelector("[data-too-much]");
        if (tooMuch) saved.textContent = tooMuch.textContent;
      } catch (error) {
        changed = true;
        saved.textContent = error instanceof TypeError ? "Not saved: no connection. Your text is still here." : error.message;
      }
    });
    return queue;
  };
  const later = () => { changed = true; clearTimeout(timer); timer = setTimeout(save, 1200); };
  form.addEventListener("input", (event) => { if (event.target !== files) later(); });

  const attach = (chosen) => {
    if (!chosen.length) return;
    saved.textContent = "Attaching…";
    save([...chosen].map((file) => ["files", file]));
  };
  files.addEventListener("change", () => { attach(files.files); files.value = ""; });
  text.addEventListener("paste", (event) => { if (event.clipboardData.files.length) { event.preventDefault(); attach(event.clipboardData.files); } });
  text.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); text.classList.add("dropping"); } });
  text.addEventListener("dragleave", () => text.classList.remove("dropping"));
  text.addEventListener("drop", (event) => {
    text.classList.remove("dropping");
    if (event.dataTransfer.files.length) { event.preventDefault(); attach(event.dataTransfer.files); }
  });

  form.addEventListener("click", (event) => {
    const open = event.target.closest("[data-open]");
    if (open) {
      event.preventDefault();
      if (changed) save();
      openComposer(open.dataset.open, true);
      return;
    }
    const remove = event.target.closest("button[name=remove]");
    if (remove) { event.preventDefault(); save([["remove", remove.value]]); }
  });
  // Somebody who is offered, ticked: stands in Cc at once, where one sees it.
  form.addEventListener("change", (event) => {
    if (event.target.name !== "offer" || !event.target.checked) return;
    const cc = form.elements.cc;
    cc.value = cc.value.trim() ? `${cc.value.trim().replace(/[,;]$/, "")}, ${event.target.value}` : event.target.value;
    event.target.closest("label").remove();
    later();
  });
  form.addEventListener("submit", (event) => {
    if (leaving) { event.preventDefault(); return; } // a second click
    leaving = true;
    clearTimeout(timer);
  });
  addEventListener("pageshow", () => { leaving = false; });
  addEventListener("pagehide", () => {
    if (!changed || leaving) return;
    const body = new FormData(form);
    body.delete("files");
    fetch(form.dataset.drafts, { method: "POST", body, headers: { "x-live": "1" }, keepalive: true }).catch(() => {});
  });
}
// A refused form was answered at the address it was sent to: the ticket's own address is better to reload.
if (composers.length && /\/(replies|notes|drafts)$/.test(location.pathname)) {
  const open = composers.find((form) => !form.hidden);
  history.replaceState(null, "", `${location.pathname.replace(/\/\w+$/, "")}?as=${open?.dataset.composer ?? "reply"}`);
}
document.querySelector("[data-refusal]")?.scrollIntoView({ block: "center" });

// The thread: what comes in meanwhile is added below, and said above the composer.
const thread = document.getElementById("thread");
if (thread) {
  const meanwhile = document.getElementById("meanwhile");
  const seen = () => Number(document.querySelector("[data-seen]")?.value ?? 0);
  let newest = seen();
  const see = (id) => {
    if (id <= seen()) return;
    for (const field of document.querySelectorAll("[data-seen]")) field.value = id;
    const token = document.querySelector("form[data-composer] [name=form_token]")?.value;
    if (token) fetch(`${location.pathname.replace(/\/$/, "")}/look`, { method: "POST", body: new URLSearchParams({ form_token: token, seen: id }) }).catch(() => {});
    if (meanwhile && newest <= id) meanwhile.hidden = true;
  };
  // What has been on the screen has been seen; only that may be answered over.
  const watch = "IntersectionObserver" in window ? new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting || document.hidden) continue;
      watch.unobserve(entry.target);
      setTimeout(() => see(Number(entry.target.dataset.entry)), 600);
    }
  }, { threshold: 0.3 }) : null;
  const say = (who, link) => {
    if (!meanwhile) return;
    const go = document.createElement("a");
    go.href = `#${link}`;
    go.textContent = "Read it";
    meanwhile.replaceChildren(`${who} wrote meanwhile.`, go);
    meanwhile.hidden = false;
  };
  thread.addEventListener("postern:fresh", (event) => {
    event.preventDefault();
    if ("earlierPage" in thread.dataset) return;
    for (const item of [...event.detail.children]) {
      const there = document.getElementById(item.id);
      if (!there) {
        thread.append(item);
        settle(item);
        const id = Number(item.dataset.entry ?? 0);
        if (!id) continue;
        newest = Math.max(newest, id);
        item.classList.add("fresh");
        say(item.dataset.who, item.id);
        watch?.observe(item);
      } else {
        const before = there.querySelector(".deliveries");
        const after = item.querySelector(".deliveries");
        const words = (part) => part?.textContent.replace(/\s+/g, " ");
        if (before && after && words(before) !== words(after)) before.replaceWith(after);
      }
    }
  });

  // Letters: the frame grows to its content; Text and HTML change places without a new page.
  const measure = (frame) => {
    const body = frame.contentDocument?.body;
    if (!body) return;
    const fit = () => {
      const root = frame.contentDocument.documentElement;
      // The root is never less high than the frame, so that only the body says when less is enough.
      const content = Math.max(body.scrollHeight, Math.ceil(body.getBoundingClientRect().height));
      const bar = frame.clientHeight - root.clientHeight;
      frame.style.height = `${Math.min(20000, Math.max(64, content + bar))}px`;
    };
    frame.style.height = "64px";
    fit();
    new ResizeObserver(fit).observe(body);
  };
  const settle = (part) => {
    for (const frame of part.querySelectorAll(".letter iframe")) {
      frame.addEventListener("load", () => measure(frame));
      if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.URL !== "about:blank") measure(frame);
    }
  };
  settle(thread);
  // A long thread opens at its end, where one goes on reading.
  const entries = thread.querySelectorAll(".entry");
  const refused = document.querySelector("[data-refusal]");
  if (!location.hash && !refused && entries.length > 3 && !("earlierPage" in thread.dataset)) entries[entries.length - 1].scrollIntoView({ block: "start" });
  thread.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-show]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const entry = link.closest(".entry");
    for (const part of entry.querySelectorAll("[data-form]")) part.hidden = part.dataset.form !== link.dataset.show;
    for (const other of entry.querySelectorAll("a[data-show]")) other === link ? other.setAttribute("aria-current", "true") : other.removeAttribute("aria-current");
    const frame = entry.querySelector("iframe[data-src]");
    if (frame && link.dataset.show === "html") { frame.src = frame.dataset.src; frame.removeAttribute("data-src"); }
  });

  // Earlier entries come in above, and the page stays where it was.
  document.addEventListener("click", async (event) => {
    const earlier = event.target.closest("#earlier");
    if (!earlier || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const answer = await fetch(earlier.href, { headers: { "x-live": "1" } }).catch(() => null);
    if (!answer?.ok) { location.href = earlier.href; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const items = [...page.getElementById("thread").children].filter((item) => !document.getElementById(item.id));
    const height = document.documentElement.scrollHeight;
    thread.prepend(...items);
    for (const item of items) settle(item);
    const next = page.getElementById("earlier");
    next ? earlier.replaceWith(next) : earlier.parentElement.remove();
    scrollBy(0, document.documentElement.scrollHeight - height);
  });
}

// Menus close by Escape and by a click elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});
// “2 min” stays true while the page is open.
setInterval(() => {
  for (const time of document.querySelectorAll(".tickets time")) {
    if (!/^(now|\d+ min)$/.test(time.textContent)) continue;
    const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
    if (minutes > 0 && minutes < 60) time.textContent = `${minutes} min`;
  }
}, 30000);
