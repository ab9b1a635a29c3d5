// One chat room, two ways into it: ActionCable (a WebSocket) and MessageBus (a streamed poll). Both libraries are what
// their gems ship; this file only connects them to the page.

import { createConsumer } from "/javascript/actioncable/actioncable.esm.js";

const WAYS = { cable: "ActionCable", bus: "MessageBus" };
const NAMES = ["Ada", "Barbara", "Claude", "Donald", "Edsger", "Frances", "Grace", "Hedy", "Katherine", "Margaret"];

const element = (id) => document.getElementById(id);
const sender = crypto.randomUUID?.() ?? String(Math.random());

// --- what the page shows ---

// state: "waiting", "connected" or "lost"; word: what it says in the header
function show(way, state, word) {
  const item = element(`${way}-state`);
  item.dataset.state = state;
  item.querySelector(".word").textContent = word;
}

function problem(text) {
  element("problem").textContent = text;
  element("problem").hidden = !text;
}

function hueOf(name) {
  return [...name].reduce((hue, letter) => (hue * 31 + letter.codePointAt(0)) % 360, 7);
}

function add(way, message) {
  const list = element("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const mine = message.sender === sender;
  const item = element("message").content.cloneNode(true).firstElementChild;
  const now = new Date();

  item.classList.add(way);
  item.classList.toggle("mine", mine);
  item.style.setProperty("--hue", hueOf(message.author));
  item.querySelector(".author").textContent = mine ? "You" : message.author || "Somebody";
  item.querySelector(".badge").textContent = WAYS[way];
  item.querySelector(".text").textContent = message.text;
  item.querySelector("time").dateTime = now.toISOString();
  item.querySelector("time").textContent = now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  list.append(item);
  element("empty").hidden = true;
  if (mine || atEnd) list.scrollTop = list.scrollHeight;
}

// --- ActionCable ---

const subscription = createConsumer("/cable").subscriptions.create("ChatChannel", {
  connected: () => show("cable", "connected", "connected"),
  disconnected: () => show("cable", "lost", "reconnecting…"),
  rejected: () => show("cable", "lost", "rejected"),
  received: (message) => add("cable", message),
});

// --- MessageBus ---

// The library has no event for its connection's state: the requests that it makes tell.
MessageBus.xhrImplementation = class extends XMLHttpRequest {
  constructor() {
    super();
    this.addEventListener("readystatechange", () => this.#tell());
  }

  #tell() {
    if (this.readyState === XMLHttpRequest.HEADERS_RECEIVED && this.status === 200) {
      const streams = this.getResponseHeader("content-type")?.includes("text/plain");
      show("bus", "connected", streams ? "streaming" : "polling");
    } else if (this.readyState === XMLHttpRequest.DONE && this.status !== 200) {
      show("bus", "lost", "reconnecting…");
    }
  }
};
MessageBus.alwaysLongPoll = true; // also in a tab that is not in front
MessageBus.callbackInterval = 2000; // after a failure ask again soon
MessageBus.subscribe(
  document.body.dataset.channel,
  (message) => add("bus", message),
  Number(document.body.dataset.lastId),
);

// --- sending ---

const send = {
  cable(message) {
    if (!subscription.perform("speak", message)) throw new Error("ActionCable is not connected.");
  },

  async bus(message) {
    const response = await fetch("/messages", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
    });
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  },
};

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = element("text");
  const message = { sender, author: element("author").value.trim(), text: text.value };
  const way = new FormData(event.target).get("way");
  if (!message.text.trim()) return;

  try {
    await send[way](message);
    text.value = "";
    problem("");
  } catch (error) {
    problem(`Not sent: ${error.message} Please try again.`);
  }
  text.focus();
});

// Each tab has a name of its own, which it keeps when the page is loaded again.
const author = element("author");
author.value = sessionStorage.getItem("author") ?? NAMES[Math.floor(Math.random() * NAMES.length)];
author.addEventListener("change", () => sessionStorage.setItem("author", author.value));
sessionStorage.setItem("author", author.value);
