// Jobs over supabase.rpc(), followed by private Broadcast if there is Realtime.

import { isFinal } from "./final.js";
import { JobError } from "./job-error.js";
import { Bell, visible } from "./waiting.js";

const FIRST_WAIT = 1_000; // milliseconds; grows while nothing changes
const LONGEST_WAIT = 5_000;
const LONGEST_WAIT_IN_AN_OUTAGE = 30_000;
const WAIT_WITH_NEWS = 30_000; // a message may be lost
const NEXT_TRY = 60_000; // for a channel that could not be joined

export async function createJob(supabase, { repository, gitUrl, ref, idempotencyKey }) {
  const { id } = await call(
    supabase.rpc("ensure_repository", { p_full_name: repository, p_git_url: gitUrl || null }),
  );
  return call(
    supabase.rpc("create_index_job", {
      p_repository_id: id,
      p_ref: ref || null,
      p_idempotency_key: idempotencyKey ?? null,
    }),
  );
}

export function getJob(supabase, jobId, signal) {
  const read = supabase.rpc("get_job_status", { p_job_id: jobId }, { get: true }).retry(false);
  return call(signal ? read.abortSignal(signal) : read);
}

export async function* followJob(supabase, jobId, { signal, onTrouble }) {
  const bell = new Bell();
  let known = -1; // the version yielded last
  let hinted = -1; // the version of the newest message
  let wait = FIRST_WAIT;
  let channel = null;
  const onMessage = ({ job_id, version }) => {
    if (job_id !== jobId || version <= hinted) return;
    hinted = version;
    if (hinted > known) bell.ring();
  };
  const onJoin = () => bell.ring(); // for earlier changes
  try {
    while (!signal.aborted) {
      try {
        const job = await getJob(supabase, jobId, signal);
        const isNew = job.version !== known; // it grows with each visible change
        wait = isNew ? FIRST_WAIT : Math.min(wait * 1.5, LONGEST_WAIT);
        known = job.version;
        if (isNew) yield job;
        if (isFinal(job)) return;
        channel ??= topicOf(supabase, job.tenant_id).listen({ onMessage, onJoin });
      } catch (error) {
        if (signal.aborted) return;
        if (!error.isPassing) throw error;
        onTrouble(error);
        known = -1; // so that the end of the outage is noticed
        wait = Math.min(wait * 2, LONGEST_WAIT_IN_AN_OUTAGE);
      }
      const longest = channel?.isJoined() && known >= 0 ? WAIT_WITH_NEWS : wait;
      await bell.wait(longest * (0.9 + Math.random() / 5), signal);
      await visible(signal);
    }
  } finally {
    channel?.leave();
  }
}

async function call(builder) {
  const { data, error, status } = await builder.single();
  if (error) throw new JobError(error, error.code === "PT404" ? 404 : status);
  return data;
}

// --- Broadcast: one channel per client and tenant, however many jobs are followed -----------------

/** @type {WeakMap<object, Map<string, Topic>>} */
const topics = new WeakMap();

function topicOf(supabase, tenantId) {
  if (!topics.has(supabase)) topics.set(supabase, new Map());
  const ofClient = topics.get(supabase);
  if (!ofClient.has(tenantId)) ofClient.set(tenantId, new Topic(supabase, tenantId));
  return ofClient.get(tenantId);
}

class Topic {
  #supabase;
  #name;
  #listeners = new Set();
  #channel = null;
  #isJoined = false;
  #timer;

  constructor(supabase, tenantId) {
    this.#supabase = supabase;
    this.#name = `index_jobs:${tenantId}`;
  }

  listen(listener) {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#join();
    return {
      isJoined: () => this.#isJoined,
      leave: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size === 0) this.#leave();
      },
    };
  }

  async #join() {
    const channel = this.#supabase.channel(this.#name, { config: { private: true } });
    this.#channel = channel;
    channel.on("broadcast", { event: "index_job" }, ({ payload }) => {
      for (const { onMessage } of this.#listeners) onMessage(payload);
    });
    try {
      await this.#supabase.realtime.setAuth();
    } catch {
      // the calls report what is wrong with the token
    }
    if (this.#channel !== channel) return;
    channel.subscribe((status) => {
      if (this.#channel !== channel) return;
      this.#isJoined = status === "SUBSCRIBED";
      if (this.#isJoined) for (const { onJoin } of this.#listeners) onJoin();
      else this.#tryLater();
    });
  }

  #tryLater() {
    this.#leave();
    this.#timer = setTimeout(() => this.#join(), NEXT_TRY);
  }

  #leave() {
    clearTimeout(this.#timer);
    const channel = this.#channel;
    this.#channel = null;
    this.#isJoined = false;
    if (channel) this.#supabase.removeChannel(channel);
  }
}
