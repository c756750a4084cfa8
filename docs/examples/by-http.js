// Jobs over the HTTP API, followed by its stream of server-sent events.

import { isFinal } from "./final.js";
import { JobError } from "./job-error.js";
import { pause, visible } from "./waiting.js";

const LONGEST_SILENCE = 40_000; // milliseconds without even a comment: the stream is dead
const LONGEST_WAIT_IN_AN_OUTAGE = 30_000;

export async function createJob(api, { repository, gitUrl, ref, idempotencyKey }) {
  const answer = await request(api, "/index", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(idempotencyKey && { "Idempotency-Key": idempotencyKey }),
    },
    body: JSON.stringify({ repository: gitUrl || repository, ref: ref || null }),
  });
  return getJob(api, (await answer.json()).jobId);
}

export async function getJob(api, jobId, signal) {
  return (await request(api, `/jobs/${jobId}`, { signal })).json();
}

export async function* followJob(api, jobId, { signal, onTrouble }) {
  let known = -1; // the version yielded last
  let lastEvent = ""; // the number of the last event
  let wait = 1_000; // grows during an outage
  const isNew = (job) => {
    const is = job.version > known;
    known = Math.max(known, job.version);
    return is;
  };
  while (!signal.aborted) {
    let pauseFor;
    try {
      const answer = await request(api, `/jobs/${jobId}`, { signal });
      const job = await answer.json();
      wait = 1_000;
      if (isNew(job)) yield job;
      if (isFinal(job)) return;
      pauseFor = 1_000 * Number(answer.headers.get("Retry-After") ?? 1);
      for await (const { id, data } of stream(api, jobId, lastEvent, signal)) {
        lastEvent = id || lastEvent;
        if (data.job && isNew(data.job)) yield data.job;
        if (isFinal(data.job)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof JobError) || !error.isPassing) throw error;
      if (!error.isStream) {
        onTrouble(error);
        known = -1; // so that the end of the outage is noticed
        wait = Math.min(wait * 2, LONGEST_WAIT_IN_AN_OUTAGE);
      }
      pauseFor = Math.max(pauseFor ?? wait, 1_000 * error.retryAfter);
    }
    await pause(pauseFor * (1 + Math.random() / 10), signal);
    await visible(signal);
  }
}

/** Yields the frames of a stream that have data, until it ends, breaks, or is refused. */
async function* stream(api, jobId, lastEvent, signal) {
  const silence = new AbortController();
  const signals = AbortSignal.any([signal, silence.signal]);
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), LONGEST_SILENCE);
  };
  heard();
  try {
    const answer = await request(api, `/jobs/${jobId}/events`, {
      signal: signals,
      headers: { Accept: "text/event-stream", ...(lastEvent && { "Last-Event-ID": lastEvent }) },
    });
    if (!answer.headers.get("Content-Type")?.startsWith("text/event-stream")) return;
    const decoder = new TextDecoder();
    let rest = "";
    const reader = answer.body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const frames = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const lines = Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s)));
        if (lines.data) yield { id: lines.id ?? "", data: JSON.parse(lines.data) };
      }
    }
  } catch (error) {
    if (error instanceof JobError) throw Object.assign(error, { isStream: error.isPassing });
    throw Object.assign(new JobError({}, 0), { isStream: true });
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

async function request({ url, token }, path, { headers, ...options }) {
  const key = typeof token === "function" ? await token() : token;
  let answer;
  try {
    answer = await fetch(url.replace(/\/$/, "") + path, {
      cache: "no-store",
      ...options,
      headers: { ...headers, Authorization: `Bearer ${key}` },
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new JobError({}, 0);
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new JobError(problem, answer.status, Number(answer.headers.get("Retry-After") ?? 0));
}
