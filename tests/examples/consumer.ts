// Code of a TypeScript application. It is compiled with tsc --strict and never run.

import { createClient } from "@supabase/supabase-js";
import { QueryObserver, QueryClient } from "@tanstack/query-core";
import { createJob, followJob, getJob, isFinal, JobError, type IndexJob } from "index-jobs-client";
import { jobQuery } from "index-jobs-client/job-query";
import { useJob } from "index-jobs-client/react";

import type { Database } from "./database.types.js";

const supabase = createClient<Database>("https://example.com", "key");
const api = { url: "https://example.com", token: async () => "ij_x" };

export async function run(): Promise<number> {
  const made = await createJob(supabase, { repository: "a/b", gitUrl: "https://example.com/b" });
  const abort = new AbortController();
  let done = 0;
  for await (const job of followJob(api, made.id, { signal: abort.signal })) {
    done = job.progress?.done ?? done;
    if (isFinal(job)) console.log(job.stats?.files_indexed, job.error_message?.length);
  }
  const job: IndexJob = await getJob(supabase, made.id);
  new QueryObserver(new QueryClient(), jobQuery(supabase, job.id));
  return done;
}

export function Status({ id }: { id: string | null }): string {
  const { job, trouble, error } = useJob(supabase, id);
  if (error instanceof JobError && error.isSignedOut) return "sign in";
  return trouble?.message ?? job?.status ?? "…";
}

export async function typed(): Promise<void> {
  const { data } = await supabase
    .rpc("create_index_job", { p_repository_id: "x", p_ref: null, p_idempotency_key: null })
    .single();
  const done: number | undefined = data?.progress?.done;
  const files: number | undefined = data?.stats?.files_indexed;
  console.log(done, files);
}
