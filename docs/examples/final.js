const FINAL = new Set(["completed", "failed", "cancelled"]);

/** Whether the job has ended. */
export const isFinal = (job) => FINAL.has(job?.status);
