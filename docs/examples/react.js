// A hook that follows a job.

import { useEffect, useState } from "react";

import { followJob } from "./jobs.js";

/**
 * Returns the job, kept up to date until it has ended. `trouble` is a current outage, `error` a
 * refusal, after which nothing more comes. Without an id there is no job.
 */
export function useJob(source, jobId) {
  const [state, setState] = useState(NOTHING);
  useEffect(() => {
    setState(NOTHING);
    if (!jobId) return undefined;
    const following = new AbortController();
    const { signal } = following;
    const onTrouble = (trouble) => setState((state) => ({ ...state, trouble }));
    (async () => {
      try {
        for await (const job of followJob(source, jobId, { signal, onTrouble }))
          if (!signal.aborted) setState({ job, trouble: null, error: null });
      } catch (error) {
        if (!signal.aborted) setState((state) => ({ ...state, trouble: null, error }));
      }
    })();
    return () => following.abort();
  }, [source, jobId]);
  return state;
}

const NOTHING = { job: null, trouble: null, error: null };
