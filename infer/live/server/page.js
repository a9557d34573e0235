"use strict";

const picture = document.getElementById("picture");
const lost = document.getElementById("lost");
const figures = document.getElementById("figures");
const styles = document.getElementById("styles");
const strength = document.getElementById("strength");
const percent = document.getElementById("percent");

function showButtons(names) {
  if (styles.childElementCount === names.length) return;
  styles.replaceChildren(...names.map((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => change({ style: name }));
    return button;
  }));
}

function show(status) {
  showButtons(status.styles);
  for (const button of styles.children) {
    button.setAttribute("aria-pressed", String(button.textContent === status.style));
  }
  if (document.activeElement !== strength) strength.value = status.strength;
  percent.textContent = `${Math.round(100 * strength.value)} %`;
  const latency = status.latency_ms;
  const delay = latency ? `latency ${latency.median} ms, 95 % below ${latency.p95} ms` : "nothing shown yet";
  figures.textContent =
    `${status.rate.toFixed(1)} pictures a second · ${delay} · ${status.dropped} of ${status.received} frames dropped · ` +
    `painted at ${status.painted_at} · shown at ${status.shown_at}`;
  say(status.lost ? `no picture at the moment: ${status.lost}` : "");
}

function say(text) {
  lost.hidden = !text;
  lost.textContent = text;
}

async function ask(path, options) {
  try {
    const answer = await fetch(path, options);
    if (answer.ok) show(await answer.json());
  } catch {
    say("the program has ended");
  }
}

function change(wanted) {
  return ask("/control", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wanted),
  });
}

strength.addEventListener("input", () => change({ strength: Number(strength.value) }));
picture.addEventListener("error", () => setTimeout(() => { picture.src = `/stream?${Date.now()}`; }, 1000));
setInterval(() => ask("/status"), 1000);
ask("/status");
