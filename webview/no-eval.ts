import * as z from "zod";

// The policy of the page forbids eval; zod would try it once, and that try is reported as a violation.
z.config({ jitless: true });
