// What every kernel uses: denormals, the threads of the BLAS of the caller, prefetching, and the larger of two errors.
#include <omp.h>

// Denormal numbers are taken for zero while a thread is in a kernel: gradients that vanish over many steps pass
// through them, and they make arithmetic a hundred times slower.
struct FlushDenormals {
#if defined(__SSE__)
    const unsigned before = __builtin_ia32_stmxcsr();
    FlushDenormals() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~FlushDenormals() { __builtin_ia32_ldmxcsr(before); }
#endif
};

// The BLAS takes one thread for each product that a thread in a kernel asks for: the threads share the batch already.
struct OneThreadEach {
    const SetThreads set;
    const int before;
    explicit OneThreadEach(SetThreads set) : set(set), before(set ? set(1) : 0) {}
    ~OneThreadEach() { if (set) set(before); }
};

// asks for a row of the step that comes next: it lies too far away for the processor to guess
static inline void prefetch(const real* row, long width) {
    for (long j = 0; j < width; j += 64 / long(sizeof(real))) __builtin_prefetch(row + j, 0, 2);
}

// the larger of two numbers, or the one that is none
static double larger(double a, double b) { return a > b || a != a ? a : b; }
