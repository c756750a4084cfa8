import type { IndexJob, JobError, Source } from "./jobs.js";

export interface JobState {
  job: IndexJob | null;
  /** A current outage. */
  trouble: JobError | null;
  /** A refusal, after which nothing more comes. */
  error: JobError | null;
}

export declare function useJob(source: Source, jobId: string | null | undefined): JobState;
