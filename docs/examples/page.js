// The page: passes the input to jobs.js, and shows the results.

import { createJob, followJob } from "./jobs.js";

const element = (id) => document.getElementById(id);
const form = element("request");
const fields = form.elements;
const WORDS = {
  pending: "Pending",
  processing: "Processing",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};
let following = new AbortController();

// This tab remembers the connection, so that a reload continues with the job in the address.
for (const name of ["url", "key", "token"]) {
  fields[name].value = sessionStorage.getItem(name) ?? fields[name].value;
  fields[name].addEventListener("change", () => sessionStorage.setItem(name, fields[name].value));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  form.querySelector("button").disabled = true;
  element("error").hidden = true;
  try {
    const job = await createJob(connect(), {
      repository: fields.repository.value.trim(),
      gitUrl: fields.gitUrl.value.trim(),
      ref: fields.ref.value.trim(),
      idempotencyKey: crypto.randomUUID(),
    });
    location.hash = `job=${job.id}`;
  } catch (error) {
    complain(error);
  } finally {
    form.querySelector("button").disabled = false;
  }
});

addEventListener("hashchange", follow);
follow();

/**
 * A client that acts for the user whose token was entered. With Supabase Auth leave `accessToken` out
 * and sign in with `supabase.auth.signInWithPassword()`: the client then sends and renews its token.
 */
function connect() {
  const accessToken = async () => fields.token.value.trim() || null;
  return supabase.createClient(fields.url.value.trim(), fields.key.value.trim(), { accessToken });
}

async function follow() {
  following.abort();
  following = new AbortController();
  const { signal } = following;
  const jobId = new URLSearchParams(location.hash.slice(1)).get("job");
  element("job").hidden = true;
  if (!jobId) return;
  element("error").hidden = true;
  try {
    const onTrouble = (error) => {
      element("note").textContent = `${error.message} Trying again.`;
    };
    for await (const job of followJob(connect(), jobId, { signal, onTrouble })) show(job);
  } catch (error) {
    complain(error);
  }
}

function show(job) {
  element("job").hidden = false;
  element("job-id").textContent = job.id;
  element("note").textContent = "";
  say("status", WORDS[job.status]);
  element("status").dataset.status = job.status;
  const { phase, done, total } = job.progress ?? {};
  const isRunning = job.status === "processing";
  say("phase", isRunning && phase ? `${phase} ${done}${total ? ` of ${total}` : ""}` : "");
  const bar = element("progress");
  bar.hidden = job.completed_at !== null;
  if (isRunning && total) {
    bar.max = total;
    bar.value = done;
  } else bar.removeAttribute("value");
  const facts = {
    Commit: job.commit_sha,
    Files: job.stats?.files_indexed,
    Symbols: job.stats?.symbols_extracted,
    Attempt: job.attempt > 1 ? `${job.attempt} of ${job.max_attempts}` : null,
    Error: job.error_message,
  };
  element("facts").replaceChildren(
    ...Object.entries(facts)
      .filter(([, value]) => value != null)
      .flatMap(([name, value]) => [pair("dt", name), pair("dd", value)]),
  );
}

// A live region is read out when it changes: do not write the same text again.
function say(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}

function pair(tag, text) {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}

function complain(error) {
  element("error").textContent = error.message;
  element("error").hidden = false;
  if (error.isSignedOut) {
    element("connection").open = true;
    fields.token.focus();
  }
}
