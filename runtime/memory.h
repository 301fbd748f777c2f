/* What this process takes. */
#ifndef LW_RUNTIME_MEMORY_H
#define LW_RUNTIME_MEMORY_H

/* The most bytes that it has had resident (VmHWM); NaN where the system does not say. */
double lw_peak_memory_bytes(void);

#endif
