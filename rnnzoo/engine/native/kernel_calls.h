// What a kernel is called with, and what it calls in turn: the functions of the runtime, compiled once for all kernels.
typedef int (*SetThreads)(int);
typedef void (*Gemm)(const char*, const char*, const int*, const int*, const int*, const real*, const real*,
                     const int*, const real*, const int*, const real*, real*, const int*);

// columns that a matrix is given room for: as many as its registers hold, however long these are
static inline long aligned(long width) { return (width + 15) / 16 * 16; }

// Sizes of products with matrices of a known structure; structures.py says of what, and mirrors these functions.
static const long PASSES = 72;
static inline long evens(long n) { return n / 2 + 1; }
static inline long odds(long n) { return (n - 1) / 2; }
static inline long first_length(long n) {
    long found = 1;
    for (long p = 2; p * p <= n; ++p)
        if (n % p == 0 && n - p - n / p > PASSES) found = p;
    return found;
}
static inline long halves_size(long n) { return evens(n) * aligned(evens(n)) + odds(n) * aligned(odds(n)); }
static inline long fourier_size(long width) {
    const long n = width / 2, p = first_length(n), m = n / p;
    if (p == 1) return aligned(1) + halves_size(n);
    return aligned(1) + halves_size(p) + halves_size(m) + 2 * p * aligned(m);
}
static inline long folded_size(long width) {
    const long n = width / 2, p = first_length(n), m = n / p;
    if (p == 1) return 4 * (aligned(evens(n)) + aligned(odds(n)));
    const long first = p * aligned(2 * m), second = m * aligned(2 * p);
    return 3 * (first > second ? first : second);
}
static inline long permutation_size(long width) { return aligned(width); }

// A part of a matrix as it lies in memory: rows and columns are so many reals apart.
struct Piece { const real* at; int64_t row, column, rows, columns; };

// A (batch, width) tensor as it lies in memory, or none; one that is expanded has steps of 0.
struct Part { real* at; int64_t row, column; };

// A dense (rows, columns) result: entry (i, j) is the sum over threads of what each has at start + i row + j column.
struct Total { real* at; int64_t rows, columns, start, row, column; };

// The functions of the runtime; see runtime_products.h, runtime_structures.h and runtime_ends.h.
struct Runtime {
    void (*pack)(const Piece*, long tall, long wide, long depth, long width, real* packed, long me, long threads);
    void (*multiply)(long rows, long width, long depth, const real* left, long left_row, const real* packed, bool add,
                     real* out, long out_row);
    void (*pack_fourier)(const Piece*, long width, real* packed, long me, long threads);
    void (*fourier)(long rows, long width, const real* left, long left_row, const real* packed, real* out, long out_row,
                    real* folded);
    void (*pack_permutation)(const Piece*, long width, real* packed, long me, long threads);
    void (*permute)(long rows, long width, const real* left, long left_row, const real* packed, real* out, long out_row);
    void (*accumulate)(Gemm, long rows, long depth, long width, const real* left, const real* right, long row, bool add,
                       real* out);
    void (*take)(const Part&, long first, long rows, long width, real* to, long to_row);
    void (*give)(const Part&, long first, long rows, long width, const real* from, long from_row);
    double (*largest_difference)(const real*, const real*, long count);
    // of matrix products, and of columns, whose sums are kept in double precision
    void (*add_up_products)(const Total&, const real* sources, long size, long me, long threads);
    void (*add_up_columns)(const Total&, const double* sources, long size, long me, long threads);
};

// What a function is called with, in words of eight bytes: addresses, then the words at which lists begin.
struct Call {
    const Runtime* runtime;
    Gemm gemm;
    SetThreads set_threads;
    int64_t threads;
    const int64_t* sizes;
    const double* constants;
    int64_t buffers, vectors, pieces, parts, results, memory, errors;

    template <typename Entry>
    Entry* list(int64_t start) const {
        return reinterpret_cast<Entry*>(const_cast<int64_t*>(reinterpret_cast<const int64_t*>(this)) + start);
    }
};
