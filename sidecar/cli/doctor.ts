import { errorTable, type PodiumError } from "../protocol/errors.ts";
import type { DoctorResult } from "../protocol/results.ts";

/** What can be said when no hub can be reached or started. */
export const doctorWithoutHub = (error: PodiumError, home: string): DoctorResult => ({
  checks: [
    { id: "node", ok: error.code !== "node_too_old", message: `Node ${process.versions.node}` },
    { id: "data", ok: error.code !== "data_unreadable", message: home },
    { id: "hub", ok: false, message: `${error.code}: ${error.message}`, fix: errorTable[error.code].wayOut },
  ],
  ok: false,
});
