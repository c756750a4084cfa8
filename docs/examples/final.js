const FINAL = new Set(["completed", "failed", "cancelled"]);

/** Whether nothing more can happen to the job. */
export const isFinal = (job) => FINAL.has(job?.status);
