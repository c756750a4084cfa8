// The list of jobs and the page of one job. All outside content is set as text.

const root = document.documentElement.dataset.root;
const inDevelopment = "development" in document.documentElement.dataset;
const jobId = location.pathname.match(/\/jobs\/([^/]+)\/view$/)?.[1];
const FINAL = ["completed", "failed", "cancelled"];
const LIST_SECONDS = 10; // the shortest interval between two requests for the list
const LONGEST_SILENCE = 40_000; // milliseconds without any data, after which a stream counts as dead
const HIDDEN_FOR = 30_000; // milliseconds after which a hidden tab closes its connection: browsers have few

const element = (id) => document.getElementById(id);
const main = element("main");
let key = sessionStorage.getItem("key");
let leaving = new AbortController(); // aborted when the user signs out
let clockAhead = 0; // milliseconds by which the server's clock is ahead of this one
const now = () => Date.now() + clockAhead;

// --- words ---

const number = new Intl.NumberFormat("en");
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const many = (count, noun) => `${number.format(count)} ${noun}${count === 1 ? "" : "s"}`;
const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Returns the text with escapes for invisible and bidi characters. */
function plain(text) {
  return String(text).replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Formats a duration: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min. */
function span(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The same in whole seconds, for counters. */
const counting = (milliseconds) => span(1000 * Math.max(0, Math.ceil(milliseconds / 1000))).replace(/^(\d)\.0/, "$1");

function ago(time) {
  const seconds = (Date.parse(time) - now()) / 1000;
  for (const [unit, size] of [["day", 86_400], ["hour", 3_600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.trunc(seconds), "second");
}

function bytes(count) {
  const unit = count < 1e3 ? 0 : count < 1e6 ? 1 : count < 1e9 ? 2 : 3;
  return `${number.format(Math.round(count / 1e3 ** unit * 10) / 10)} ${["bytes", "kB", "MB", "GB"][unit]}`;
}

const progressOf = ({ phase, done, total }) =>
  `${plain(phase)}${done == null ? "" : ` ${number.format(done)}`}${total ? ` of ${number.format(total)} · ${percent(done, total)}` : ""}`;
const percent = (done, total) => `${Math.min(100, Math.floor(100 * done / total))} %`;

// --- elements ---

function make(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text != null) node.textContent = plain(text);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Sets the text if it differs, so that screen readers do not repeat it. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function time(value, text) {
  return make("time", text, { datetime: value, title: new Date(value).toLocaleString("en", { dateStyle: "full", timeStyle: "long" }) });
}

/** Fills a description list. Omits null values. */
function describe(list, facts) {
  const pairs = Object.entries(facts).filter(([, value]) => value != null);
  if (pairs.length * 2 !== list.querySelectorAll("dt, dd").length) {
    list.replaceChildren(...pairs.map(() => {
      const pair = make("div");
      pair.append(make("dt"), make("dd"));
      return pair;
    }));
  }
  pairs.forEach(([name, value], at) => {
    const [term, description] = list.children[at].children;
    say(term, name);
    if (value instanceof Node) {
      if (description.textContent !== value.textContent) description.replaceChildren(value);
    } else say(description, plain(value));
    description.classList.toggle("long", String(value).length > 40);
  });
}

const show = (node, is = true) => { node.hidden = !is; };
const fill = (template) => main.replaceChildren(element(template).content.cloneNode(true));

function copying(container) {
  for (const button of container.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = element(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        say(element("said"), "Copied.");
        button.dataset.done = "";
        setTimeout(() => delete button.dataset.done, 1500);
      } catch { // not available over http: selects the text instead
        source.closest("details")?.setAttribute("open", "");
        getSelection().selectAllChildren(source);
      }
    });
  }
}

// --- the API ---

const REFUSED = {
  0: "The server cannot be reached.",
  401: "This API key or token is invalid or has expired.",
  AUTH_USER_REQUIRED: "This is the service key. Sign in with a user's key.",
};

/** An error of the API. Status 0: it cannot be reached. */
class Refusal extends Error {
  constructor(problem, status, retryAfter) {
    const known = REFUSED[problem.code] ?? REFUSED[status];
    super(known ?? [problem.detail, problem.hint].filter(Boolean).join(" "));
    this.code = problem.code ?? "";
    this.isOfKey = status === 401 || problem.code === "AUTH_USER_REQUIRED";
    this.status = status;
    this.isPassing = status === 0 || status === 408 || status === 429 || status >= 500;
    this.retryAfter = retryAfter;
  }
}

async function ask(path, { headers, ...options } = {}) {
  const signal = options.signal ?? leaving.signal;
  const sent = key;
  let answer;
  try {
    answer = await fetch(root + path, {
      cache: "no-store", credentials: "omit", ...options, signal,
      headers: { ...headers, Authorization: `Bearer ${sent}` },
    });
  } catch (error) {
    throw signal.aborted ? error : new Refusal({}, 0, 0);
  }
  const date = Date.parse(answer.headers.get("Date"));
  if (Math.abs(date - Date.now()) > 3_000) clockAhead = date - Date.now();
  // shows an authenticated user the quota; a refused key is never stored
  if (answer.headers.has("X-RateLimit-Limit") && sent === key) sessionStorage.setItem("key", key);
  if (answer.ok) {
    element("trouble").textContent = "";
    return answer;
  }
  const problem = await answer.json().catch(() => ({ detail: `The server answered ${answer.status}.` }));
  throw new Refusal(problem, answer.status, Number(answer.headers.get("Retry-After") ?? 0));
}

const pause = (milliseconds, signal) => until(signal, (done) => {
  const timer = setTimeout(done, milliseconds);
  return () => clearTimeout(timer);
});

const visible = (signal) => document.hidden && until(signal, (done) => {
  document.addEventListener("visibilitychange", done);
  return () => document.removeEventListener("visibilitychange", done);
});

function until(signal, start) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      stop();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const stop = start(done);
    signal.addEventListener("abort", done);
  });
}

// --- signing in and out ---

async function start() {
  if (!key && inDevelopment && !sessionStorage.getItem("signed-out")) await signInAsDemo();
  else if (key) await open();
  else signIn("");
}

async function signInAsDemo() {
  try {
    const answer = await fetch(`${root}/pages/demo`, { method: "POST", cache: "no-store" });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const demo = await answer.json();
    key = demo.api_key;
    sessionStorage.setItem("who", `${demo.name} (${demo.tier})`);
    sessionStorage.setItem("folder", demo.folder);
  } catch (error) {
    signIn(error.message);
    return;
  }
  await open();
}

/** Shows only the form, with `message` as the reason. */
function signIn(message) {
  fill("sign-in");
  document.title = "Sign in · Index jobs";
  show(element("sign-out"), false);
  say(element("who"), "");
  const form = main.querySelector("form");
  say(element("key-error"), message);
  element("key").focus();
  element("demo")?.addEventListener("click", signInAsDemo);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = element("key").value.trim();
    element("key").value = "";
    if (!/^[\x21-\x7e]+$/.test(typed)) return say(element("key-error"), "This is neither an API key nor a token.");
    key = typed;
    await open();
  });
}

/** Removes the key and everything that was shown. */
function signOut(message) {
  leaving.abort();
  leaving = new AbortController();
  key = null;
  sessionStorage.clear();
  sessionStorage.setItem("signed-out", "yes");
  element("trouble").textContent = element("said").textContent = "";
  signIn(message);
}

async function open() {
  const { signal } = leaving;
  say(element("who"), sessionStorage.getItem("who") ?? "");
  show(element("sign-out"));
  try {
    await (jobId ? showJob(signal) : showList(signal));
  } catch (error) {
    if (signal.aborted) return;
    if (error.isOfKey && inDevelopment && sessionStorage.getItem("who")) {
      sessionStorage.clear(); // the key is from a database that was reset
      await signInAsDemo();
    } else if (error.isOfKey) signOut(error.message);
    else if (error.status === 404) {
      document.title = "No such job · Index jobs";
      fill("missing");
    } else throw error;
  }
}

/** Reports a transient error and waits. */
async function waitOut(error, seconds, signal) {
  if (signal.aborted || !error.isPassing) throw error;
  const wait = 1000 * Math.max(seconds, error.retryAfter);
  say(element("trouble"), `${error.message} Trying again${wait > 15_000 ? ` in ${counting(wait)}` : ""}.`);
  await pause(wait * (1 + Math.random() / 10), signal);
}

// --- the list ---

async function showList(signal) {
  const filters = new URLSearchParams(location.search);
  const api = new URLSearchParams();
  for (const name of ["status", "repository", "organization", "cursor"]) {
    if (filters.get(name)) api.set(name, filters.get(name));
  }
  const since = filters.get("days") && new Date(now() - 86_400_000 * Number(filters.get("days"))).toISOString();
  if (since) api.set("since", since);
  const counted = new URLSearchParams({ since: since || new Date(now() - 29.9 * 86_400_000).toISOString() });
  if (api.has("organization")) counted.set("organization", api.get("organization"));

  const list = async () => {
    const answer = await ask(`/jobs?${api}`, { signal });
    return { ...(await answer.json()), seconds: Number(answer.headers.get("Retry-After") ?? 0) };
  };
  const count = async () => (await ask(`/jobs/counts?${counted}`, { signal })).json();
  let page, counts, complaint;
  for (let wait = 1; !page; wait = Math.min(2 * wait, 30)) {
    try {
      [page, counts] = await Promise.all([list(), count()]);
    } catch (error) {
      if (error.status === 422 || (error.status === 403 && !error.isOfKey)) {
        page = { jobs: [] };
        complaint = error.message;
      } else await waitOut(error, wait, signal);
    }
    if (signal.aborted) return;
  }

  fill("view");
  document.title = "Index jobs";
  copying(main);
  setUpFilters(filters);
  if (inDevelopment) setUpIndexing();
  show(element("problem"), Boolean(complaint));
  say(element("problem"), complaint ?? "");
  if (complaint) return;
  showCounts(counts, filters);
  showRows(page.jobs);
  showPages(page, filters);
  await refresh({ list, count, counts, page, filters, signal });
}

/** Refreshes every ten seconds while the page is visible and a job is unfinished. */
async function refresh({ list, count, counts, page, filters, signal }) {
  const button = element("pause");
  let paused = sessionStorage.getItem("paused") === "yes";
  const isPaused = (is) => {
    paused = is;
    button.setAttribute("aria-pressed", is);
    say(button, is ? "Resume" : "Pause");
  };
  isPaused(paused);
  button.addEventListener("click", () => {
    isPaused(!paused);
    sessionStorage.setItem("paused", paused ? "yes" : "no");
  });
  let looks = 0;
  let hasChanged = false; // then the counts on the tabs are out of date
  let lookedAt = Date.now();
  for (let wait = 1; ; ) {
    const runs = counts.pending + counts.processing > 0;
    const back = await pauseOrReturn(runs && !paused ? 1000 * Math.max(LIST_SECONDS, page.seconds) : null, signal);
    await visible(signal);
    if (signal.aborted) return;
    if (paused || (back && Date.now() - lookedAt < 2_000)) continue;
    lookedAt = Date.now();
    try {
      if (!back && (hasChanged || ++looks % 3 === 0)) {
        counts = await count();
        hasChanged = false;
        showCounts(counts, filters);
      } else {
        page = await list();
        if (page.jobs.some((job) => !FINAL.includes(job.status))) counts = { ...counts, processing: counts.processing || 1 };
        hasChanged = updateRows(page.jobs);
        showPages(page, filters);
      }
      wait = 1;
    } catch (error) {
      await waitOut(error, (wait = Math.min(2 * wait, 30)), signal);
    }
  }
}

/** Waits, forever without a time. Returns true if the user returned to the window first. */
async function pauseOrReturn(milliseconds, signal) {
  let back = false;
  await until(signal, (done) => {
    const timer = milliseconds && setTimeout(done, milliseconds);
    const returned = () => {
      back = true;
      done();
    };
    addEventListener("focus", returned);
    element("pause").addEventListener("click", done);
    return () => {
      clearTimeout(timer);
      removeEventListener("focus", returned);
      element("pause")?.removeEventListener("click", done);
    };
  });
  return back;
}

/** Returns the address of the list with some filters changed. */
function listed(filters, changes) {
  const changed = new URLSearchParams(filters);
  for (const [name, value] of Object.entries({ cursor: "", ...changes })) {
    if (value) changed.set(name, value);
    else changed.delete(name);
  }
  return `${root}/${changed.size ? `?${changed}` : ""}`;
}

function setUpFilters(filters) {
  for (const tab of main.querySelectorAll(".tabs a")) {
    tab.href = listed(filters, { status: tab.dataset.status });
    if (tab.dataset.status === (filters.get("status") ?? "")) tab.setAttribute("aria-current", "page");
  }
  const form = element("filters");
  for (const field of form.querySelectorAll("[name]")) {
    field.value = filters.get(field.name) ?? "";
    if (field.value) element("filtering").open = true;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(listed(filters, Object.fromEntries(new FormData(form))));
  });
}

function setUpIndexing() {
  element("repository").value = sessionStorage.getItem("folder") ?? "";
  element("index").addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = element("repository").value.trim();
    const body = { repository: typed, ref: element("ref").value.trim() || null };
    if (typed.startsWith("/")) {
      const name = typed.split("/").filter(Boolean).pop() ?? "";
      const word = name.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "");
      Object.assign(body, { repository: `local/${word || "repository"}`, localPath: typed });
    }
    try {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() };
      const answer = await ask("/index", { method: "POST", headers, body: JSON.stringify(body) });
      const { jobId: created, runId } = await answer.json();
      location.assign(`${root}/jobs/${created ?? runId}/view`);
    } catch (error) {
      if (error.isOfKey) signOut(error.message);
      else say(element("index-error"), error.message);
    }
  });
}

function showCounts(counts, filters) {
  for (const tab of main.querySelectorAll(".tabs a")) {
    const count = counts[tab.dataset.status];
    if (count != null) say(tab.querySelector("b"), count >= 1000 ? "1,000+" : String(count));
  }
  const days = filters.get("days");
  const seconds = (value) => span(1000 * value);
  say(element("summary"), [
    counts.oldest_pending_at && `The oldest has been waiting for ${span(now() - Date.parse(counts.oldest_pending_at))}.`,
    counts.wait_p50 != null && `Waits: median ${seconds(counts.wait_p50)}, p95 ${seconds(counts.wait_p95)}.`,
    counts.duration_p50 != null && `Runs: median ${seconds(counts.duration_p50)}, p95 ${seconds(counts.duration_p95)}.`,
    `Ended jobs are counted for the last ${days === "1" ? "day" : `${days || 30} days`}.`,
  ].filter(Boolean).join(" "));
}

function showRows(jobs) {
  element("jobs").replaceChildren(...jobs.map((job) => {
    const row = element("row").content.cloneNode(true).firstElementChild;
    row.dataset.id = job.id;
    showRow(row, job);
    return row;
  }));
  show(element("empty"), jobs.length === 0);
  if (jobs.length) return;
  if (location.search) say(element("nothing"), "No jobs match. This creates one:");
  const body = '{"repository": "owner/name"}';
  say(element("create"), `curl ${location.origin}${root}/index -H "Authorization: Bearer $API_KEY" \\\n  -H 'Content-Type: application/json' -d '${body}'`);
}

function showRow(row, job) {
  const link = row.querySelector("a");
  link.href = `${root}/jobs/${job.id}/view`;
  row.dataset.status = job.status;
  const part = (name) => row.querySelector(`[data-is=${name}]`);
  say(part("status"), capitalized(job.status));
  say(part("repository"), plain(job.repository));
  say(part("ref"), `@ ${plain(job.ref)}`);
  say(part("note"), plain(note(job)));
  const created = part("created");
  created.dateTime = job.created_at;
  created.title = new Date(job.created_at).toString();
  say(created, ago(job.created_at));
}

function note(job) {
  const ran = job.started_at && Date.parse(job.completed_at) - Date.parse(job.started_at);
  if (job.status === "failed") return job.error_message;
  if (job.status === "completed") {
    const { files_indexed: files, symbols_extracted: symbols } = job.stats ?? {};
    return [files != null && many(files, "file"), symbols != null && many(symbols, "symbol"), span(ran)].filter(Boolean).join(" · ");
  }
  if (job.status === "cancelled") return "";
  if (job.cancel_requested_at) return "cancelling";
  if (job.status === "pending") return `waiting for ${span(now() - Date.parse(job.created_at))}`;
  if (job.retry_at) return `attempt ${job.attempt} of ${job.max_attempts} failed, retry pending`;
  return job.progress ? progressOf(job.progress) : `attempt ${job.attempt}`;
}

/**
 * Updates rows in place. Adds new jobs at once only if the pointer or focus is not in the list.
 * Returns true if there are other jobs, or the status of one has changed.
 */
function updateRows(jobs) {
  const list = element("jobs");
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  const isOld = jobs.every((job) => rows.get(job.id)?.dataset.status === job.status);
  for (const job of jobs) if (rows.has(job.id)) showRow(rows.get(job.id), job);
  const isSame = jobs.length === rows.size && jobs.every((job) => rows.has(job.id));
  const news = element("news");
  show(news, false);
  if (isSame) return !isOld;
  if (rows.size && (list.matches(":hover") || list.contains(document.activeElement))) {
    const added = jobs.filter((job) => !rows.has(job.id)).length;
    const button = news.querySelector("button");
    say(button, added ? `Show ${added} new ${added === 1 ? "job" : "jobs"}` : "The list has changed. Show it");
    button.onclick = () => {
      show(news, false);
      showRows(jobs);
    };
    show(news);
  } else showRows(jobs);
  return true;
}

function showPages(page, filters) {
  const [newest, older] = [element("newest"), element("older")];
  newest.href = listed(filters, {});
  show(newest, filters.has("cursor"));
  if (page.next_cursor) older.href = listed(filters, { cursor: page.next_cursor });
  show(older, Boolean(page.next_cursor));
}

// --- one job ---

const story = { job: null, events: new Map(), explain: null };

async function showJob(signal) {
  await visible(signal);
  let lastEvent = "";
  for (let wait = 1; !signal.aborted; wait = Math.min(2 * wait, 30)) {
    try {
      const headers = { Accept: "text/event-stream", ...(lastEvent && { "Last-Event-ID": lastEvent }) };
      for await (const frame of stream(`/jobs/${jobId}/events`, headers, signal)) {
        lastEvent = frame.id || lastEvent;
        wait = 1;
        hear(frame, signal);
      }
      if (FINAL.includes(story.job?.status)) return;
    } catch (error) {
      if (["TOO_MANY_STREAMS", "LIVE_LIMIT"].includes(error.code)) await poll(signal);
      else if (!(error instanceof Refusal)) throw error;
      await waitOut(error, wait, signal);
    }
    await visible(signal);
  }
}

/** Polls the job when the browser or the server has no stream left. */
async function poll(signal) {
  const [job, { events }] = await Promise.all([
    ask(`/jobs/${jobId}`, { signal }).then((answer) => answer.json()),
    ask(`/jobs/${jobId}/events`, { signal }).then((answer) => answer.json()),
  ]);
  hear({ data: { job } }, signal);
  for (const event of events) hear({ data: { event } }, signal);
}

/** Yields the frames of a stream that have data. Throws a Refusal if it breaks. */
async function* stream(path, headers, signal) {
  const silence = new AbortController();
  let timer, hiding;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), LONGEST_SILENCE);
  };
  const hidden = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => silence.abort(), HIDDEN_FOR);
  };
  heard();
  document.addEventListener("visibilitychange", hidden);
  try {
    const answer = await ask(path, { headers, signal: AbortSignal.any([signal, silence.signal]) });
    if (answer.status === 204) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const lines = Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s)));
        if (lines.data) yield { name: lines.event, id: lines.id, data: JSON.parse(lines.data) };
      }
    }
  } catch (error) {
    if (error instanceof Refusal || signal.aborted) throw error;
    if (document.hidden) return;
    throw new Refusal({}, 0, 0);
  } finally {
    clearTimeout(timer);
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", hidden);
    silence.abort();
  }
}

function hear({ name, data }, signal) {
  const isFirst = !story.job;
  if (name === "explain") story.explain = { ...data, at: now(), version: story.job?.version, attempt: story.job?.attempt };
  if (data.event) story.events.set(data.event.event_no, data.event);
  if (data.job && data.job.version >= (story.job?.version ?? 0)) story.job = data.job;
  if (!story.job) return;
  if (isFirst) setUpJob(signal);
  render();
}

function setUpJob(signal) {
  fill("view");
  copying(main);
  const { job } = story;
  say(element("repository"), plain(job.repository));
  say(element("ref"), `@ ${plain(job.ref)}`);
  say(element("curl"), `curl ${location.origin}${root}/jobs/${job.id} -H "Authorization: Bearer $API_KEY"`);
  setUpCancel();
  setUpFound();
  const timer = setInterval(tick, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function render() {
  const { job } = story;
  const word = capitalized(job.status);
  const { stats } = job;
  say(element("status"), word);
  element("now").dataset.status = job.status;
  const error = job.error_message ?? job.last_error;
  show(element("error"), Boolean(error) && job.status !== "completed");
  say(element("error-title"), job.error_message ? "Error" : "Last error");
  say(element("error-text"), plain(error ?? ""));
  renderProgress(job);
  renderTimeline();
  show(element("stats"), Boolean(stats));
  if (stats) renderStats(job, stats);
  const id = make("code", job.id, { id: "job-id" });
  describe(element("source"), {
    Repository: job.repository, Ref: job.ref, Commit: job.commit_sha, Job: id,
    "Queue job": job.queue_job_id, Repeats: job.repeats_job_id,
  });
  say(element("raw"), plain(JSON.stringify(job, null, 2)));
  show(element("cancel"), !FINAL.includes(job.status) && !job.cancel_requested_at);
  const files = job.status === "completed" && stats?.files_indexed != null ? `: ${many(stats.files_indexed, "file")}` : "";
  say(element("said"), `${word}${files}`);
  tick();
}

/** How far the job is, in words. */
function phaseText({ status, progress, started_at: startedAt, retry_at: retryAt }) {
  if (status === "completed") return "done";
  const isOver = FINAL.includes(status);
  if (progress?.phase) return isOver ? `stopped at ${progressOf(progress)}` : progressOf(progress);
  if (!startedAt) return "not started";
  return isOver ? "stopped" : retryAt ? "between two attempts" : "starting";
}

function renderProgress({ status, progress }) {
  const bar = main.querySelector("progress");
  const { done, total } = progress ?? {};
  const isResting = status !== "processing" || story.job.retry_at;
  if (!isResting && !total) bar.removeAttribute("value");
  else {
    bar.max = total || 1;
    bar.value = status === "completed" ? bar.max : total ? done : 0;
  }
  say(element("phase"), phaseText(story.job));
  const share = status === "processing" && total ? ` ${percent(done, total)}` : "";
  document.title = `${capitalized(status)}${share} · ${plain(story.job.repository)}`;
}

/** Updates what changes with time: the sentence and the durations. */
function tick() {
  const { job } = story;
  say(element("sentence"), plain(sentence(job)));
  const started = Date.parse(job.started_at), ended = Date.parse(job.completed_at);
  const waited = (started || ended || now()) - Date.parse(job.created_at);
  describe(element("times"), {
    Created: time(job.created_at, ago(job.created_at)),
    Waited: job.completed_at || job.started_at ? span(waited) : counting(waited),
    [ended ? "Ran" : "Running"]: started ? (ended ? span(ended - started) : counting(now() - started)) : null,
    Attempt: job.attempt ? `${job.attempt} of ${job.max_attempts}` : null,
  });
}

function sentence(job) {
  const { explain } = story;
  if (job.status === "completed") return "The job is completed.";
  if (job.status === "failed") return "The job failed.";
  if (job.status === "cancelled") return "The job was cancelled.";
  const left = (until) => counting(Date.parse(until) - now());
  if (job.cancel_requested_at) {
    const end = Date.parse(job.cancel_requested_at) + 60_000;
    return `The worker was asked to stop. The job will be cancelled in ${left(end)} at the latest.`;
  }
  const isFresh = explain?.version === job.version;
  if (job.retry_at) {
    const next = `Attempt ${job.attempt + 1} of ${job.max_attempts}`;
    return Date.parse(job.retry_at) > now() ? `${next} starts in ${left(job.retry_at)}.` : `${next} waits for a worker.`;
  }
  if (isFresh && explain.reason === "silent") {
    const lease = Date.parse(job.lease_expires_at) - Date.parse(job.heartbeat_at);
    const silent = counting(now() - Date.parse(explain.until) + lease);
    const next = job.attempt < job.max_attempts ? "another worker takes the job over" : "the job fails";
    return Date.parse(explain.until) > now()
      ? `No heartbeat from the worker for ${silent}; ${next} in ${left(explain.until)}.`
      : explain.sentence;
  }
  if (job.status === "pending") return isFresh ? explain.sentence : "Waiting.";
  const working = `A worker is on attempt ${job.attempt} of ${job.max_attempts}.`;
  if (explain?.reason !== "working" || explain.attempt !== job.attempt || explain.eta_p50 == null) return working;
  const of = explain.eta_basis === "repository" ? "this repository" : "all repositories";
  const rest = (eta) => 1000 * eta - (now() - explain.at);
  return `${working} ${rest(explain.eta_p50) > 0
    ? `About ${counting(rest(explain.eta_p50))} to go (p90 ${counting(rest(explain.eta_p90))}, from the last ${explain.eta_samples} runs of ${of}).`
    : `Slower than the median of the last ${explain.eta_samples} runs of ${of}.`}`;
}

function renderTimeline() {
  const events = [...story.events.values()].sort((a, b) => a.event_no - b.event_no);
  const list = element("timeline");
  if (list.children.length === events.length) return;
  list.replaceChildren(...events.map((event, at) => {
    const before = events[at - 1];
    const row = make("li", null, { "data-status": event.to_status });
    row.append(make("i", null, { class: "mark" }), make("span", told(event, before)));
    const passed = before && Date.parse(event.at) - Date.parse(before.at);
    row.append(time(event.at, before ? `+ ${span(passed)}` : new Date(event.at).toLocaleTimeString("en", { hour12: false })));
    if (event.detail.error) row.append(make("pre", event.detail.error, { tabindex: 0, "aria-label": "Error" }));
    return row;
  }));
}

function told({ from_status: from, to_status: to, attempt, detail }, before) {
  if (!from) return "Created";
  if (FINAL.includes(to)) return capitalized(to);
  if (detail.cancel_requested) return "Cancellation requested";
  if (detail.handed_back) return `Attempt ${attempt} handed back: its worker stopped`;
  if (attempt > (before?.attempt ?? 0)) {
    const isLost = before?.attempt && !before.detail.retry_at;
    return `${isLost ? `Attempt ${before.attempt} lost its worker. ` : ""}Attempt ${attempt} started`;
  }
  if (detail.retry_at) return `Attempt ${attempt} failed, retry scheduled`;
  return capitalized(to);
}

function renderStats(job, stats) {
  const count = (value) => (value == null ? null : number.format(value));
  const languages = Object.entries(stats.languages ?? {}).sort(([, a], [, b]) => b - a);
  describe(element("figures"), {
    Files: count(stats.files_indexed),
    Symbols: count(stats.symbols_extracted),
    Size: stats.bytes == null ? null : bytes(stats.bytes),
    Unchanged: count(stats.files_unchanged),
    Skipped: count(stats.files_skipped),
    "Without symbols": stats.unparsed ? count(stats.unparsed) : null,
    Languages: languages.length ? languages.map(([name, files]) => `${name} ${count(files)}`).join(", ") : null,
  });
  show(element("reused"), Boolean(stats.reused_job_id));
  if (stats.reused_job_id) main.querySelector("#reused a").href = `${root}/jobs/${encodeURIComponent(stats.reused_job_id)}/view`;
  const reasons = Object.entries(stats.skipped ?? {});
  show(element("skipped"), reasons.length > 0);
  say(main.querySelector("#skipped b"), count(stats.files_skipped) ?? "");
  const group = main.querySelector("#skipped [role=group]");
  if (group.children.length) return;
  for (const [reason, files] of reasons) {
    const button = make("button", `${reason} ${count(files)}`, { type: "button", class: "quiet" });
    button.addEventListener("click", () => find("skipped", { reason }));
    group.append(button);
  }
}

// --- the index ---

const COLUMNS = {
  skipped: [["Path", "path"], ["Reason", "reason"]],
  files: [["Path", "path"], ["Language", "language"], ["Size", (file) => bytes(file.bytes)], ["Symbols", "symbol_count"]],
  symbols: [["Name", "name"], ["Kind", "kind"], ["Where", (symbol) => `${symbol.path}:${symbol.start_line}`], ["Parent", "parent"]],
};

function setUpFound() {
  const once = (kind) => element(kind).addEventListener("toggle", () => find(kind, {}), { once: true });
  once("skipped");
  once("files");
  main.querySelector("#symbols form").addEventListener("submit", (event) => {
    event.preventDefault();
    find("symbols", { [element("how").value]: element("symbol").value });
  });
}

async function find(kind, query, table) {
  const found = element(kind).querySelector(".found");
  try {
    const answer = await ask(`/jobs/${jobId}/${kind}?${new URLSearchParams({ limit: 50, ...query })}`);
    const page = await answer.json();
    table ??= startTable(found, kind, page);
    table.tBodies[0].append(...page[kind].map((item) => {
      const row = make("tr");
      for (const [, value] of COLUMNS[kind]) {
        row.append(make("td", typeof value === "string" ? item[value] ?? "" : value(item)));
      }
      return row;
    }));
    found.querySelector("button")?.remove();
    if (page.next_cursor) {
      const more = make("button", "More", { type: "button", class: "quiet" });
      more.addEventListener("click", () => find(kind, { ...query, cursor: page.next_cursor }, table));
      found.append(more);
    }
  } catch (error) {
    if (error.isOfKey) signOut(error.message);
    else if (error instanceof Refusal) found.replaceChildren(make("p", error.message, { class: "bad", role: "alert" }));
    else throw error;
  }
}

function startTable(found, kind, page) {
  const table = make("table");
  table.append(make("thead"), make("tbody"));
  const head = make("tr");
  for (const [name] of COLUMNS[kind]) head.append(make("th", name, { scope: "col" }));
  table.tHead.append(head);
  const parts = [];
  if (page.job_id !== story.job.id) {
    const words = make("p", "A later job of this repository replaced these results: ", { class: "soft" });
    words.append(make("a", "that job", { href: `${root}/jobs/${encodeURIComponent(page.job_id)}/view` }));
    parts.push(words);
  }
  parts.push(page[kind].length ? table : make("p", "None."));
  found.replaceChildren(...parts);
  return table;
}

function setUpCancel() {
  const dialog = element("sure");
  element("cancel").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "cancel") return;
    dialog.returnValue = "";
    try {
      const answer = await ask(`/jobs/${jobId}`, { method: "DELETE" });
      hear({ data: { job: await answer.json() } }, leaving.signal);
    } catch (error) {
      if (error.isOfKey) signOut(error.message);
      else say(element("cancel-error"), error.message);
    }
  });
}

element("sign-out").addEventListener("click", () => signOut(""));
addEventListener("pageshow", (event) => event.persisted && location.reload());
await start();
