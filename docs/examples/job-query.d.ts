import type { IndexJob, JobError, Source } from "./jobs.js";

/** Options for useQuery, QueryObserver and similar functions of TanStack Query 5. */
export declare function jobQuery(
  source: Source,
  jobId: string,
): {
  queryKey: readonly ["index-job", string];
  queryFn: (context: { signal: AbortSignal }) => Promise<IndexJob>;
  refetchInterval: (query: {
    state: { data?: IndexJob | undefined; error: JobError | null };
  }) => number | false;
  retry: (count: number, error: JobError) => boolean;
  retryDelay: (count: number) => number;
};
