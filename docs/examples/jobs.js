// Create an index job and follow it, with nothing but supabase.rpc(). No framework, no build.

const FINAL = new Set(["completed", "failed", "cancelled"]);
const FIRST_WAIT = 1_000; // milliseconds; as long as nothing is new it grows
const LONGEST_WAIT = 5_000;
const LONGEST_WAIT_IN_AN_OUTAGE = 30_000;

/** What Postgres, PostgREST or the network said, in words for people. */
export class JobError extends Error {
  /** @param {{code?: string, message?: string, hint?: string|null}} error @param {number} status */
  constructor(error, status) {
    super(sentence(error, status), { cause: error });
    this.code = error.code ?? "";
    /** Nobody is signed in, or no longer: sign in and try again. */
    this.isSignedOut = status === 401;
    /** The same call may work in a moment. */
    this.isPassing = status === 0 || status === 408 || status === 429 || status >= 500;
  }
}

/** @returns the new job, which is pending. The same idempotency key gives the same job again. */
export async function createJob(supabase, { repository, gitUrl, ref, idempotencyKey }) {
  const { id } = await call(
    supabase.rpc("ensure_repository", { p_full_name: repository, p_git_url: gitUrl || null }),
  );
  return call(
    supabase.rpc("create_index_job", {
      p_repository_id: id,
      p_ref: ref || null,
      p_idempotency_key: idempotencyKey,
    }),
  );
}

/** Whether nothing more can happen to the job. */
export const isFinal = (job) => FINAL.has(job?.status);

/** @returns the job as it is now. It is a GET: it may be repeated, and changes nothing. */
export function getJob(supabase, jobId, signal) {
  const read = supabase.rpc("get_job_status", { p_job_id: jobId }, { get: true });
  return call(read.retry(false).abortSignal(signal));
}

/**
 * The job each time that something about it is new, until it has ended. An outage is waited out;
 * `onTrouble` is told of it. A hidden page does not ask. `signal` ends it.
 */
export async function* followJob(supabase, jobId, { signal, onTrouble = () => {} }) {
  let version = -1;
  let wait = FIRST_WAIT;
  while (!signal.aborted) {
    try {
      const job = await getJob(supabase, jobId, signal);
      const isNew = job.version !== version; // it grows with each change that can be seen
      wait = isNew ? FIRST_WAIT : Math.min(wait * 1.5, LONGEST_WAIT);
      version = job.version;
      if (isNew) yield job;
      if (isFinal(job)) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!error.isPassing) throw error;
      onTrouble(error);
      version = -1; // so that the end of the trouble is seen
      wait = Math.min(wait * 2, LONGEST_WAIT_IN_AN_OUTAGE);
    }
    await pause(wait * (0.9 + Math.random() / 5), signal);
    await visible(signal);
  }
}

async function call(builder) {
  const { data, error, status } = await builder.single();
  if (error) throw new JobError(error, status);
  return data;
}

function sentence(error, status) {
  if (status === 401) return "You are signed out. Sign in, or paste a fresh access token.";
  if (status === 0) return "The server cannot be reached.";
  if (error.code === "PT404") return "There is no such job, or you may not see it.";
  const message = error.message || "Something went wrong.";
  return [message[0].toUpperCase() + message.slice(1), error.hint].filter(Boolean).join(". ");
}

function pause(milliseconds, signal) {
  return until(signal, (done) => {
    const timer = setTimeout(done, milliseconds);
    return () => clearTimeout(timer);
  });
}

function visible(signal) {
  if (!document.hidden) return undefined;
  return until(signal, (done) => {
    document.addEventListener("visibilitychange", done);
    return () => document.removeEventListener("visibilitychange", done);
  });
}

function until(signal, start) {
  return new Promise((resolve) => {
    const done = () => {
      stop();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const stop = start(done);
    signal.addEventListener("abort", done);
  });
}
