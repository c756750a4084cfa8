import type { IndexJob, JobError, Source } from "./jobs.js";

export interface JobState {
  job: IndexJob | null;
  /** An outage that is being waited out. */
  trouble: JobError | null;
  /** A refusal, after which nothing more comes. */
  error: JobError | null;
}

export declare function useJob(source: Source, jobId: string | null | undefined): JobState;
