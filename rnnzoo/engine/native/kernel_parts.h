// What every kernel uses: denormals, prefetching, and gradients of matrices through the BLAS of the caller.
#include <omp.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// Denormal numbers are taken for zero while a thread is in a kernel: gradients that vanish over many steps pass
// through them, and they make arithmetic a hundred times slower.
struct FlushDenormals {
#if defined(__SSE__)
    const unsigned before = _mm_getcsr();
    FlushDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before); }
#endif
};

typedef int (*SetThreads)(int);

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

typedef void (*Gemm)(const char*, const char*, const int*, const int*, const int*, const real*, const real*,
                     const int*, const real*, const int*, const real*, real*, const int*);

// out = left^T @ right, or out += left^T @ right, over all rows of both
static inline void accumulate(Gemm gemm, long rows, long depth, long width, const real* left, const real* right,
                              long row, bool add, real* out) {
    const int m = int(width), n = int(depth), k = int(rows), ld = int(row), ldc = int(width);
    const real one = 1, beta = add ? 1 : 0;
    gemm("N", "T", &m, &n, &k, &one, right, &ld, left, &ld, &beta, out, &ldc);
}
