// What a kernel is called with, and what it calls in turn: the functions of the runtime, compiled once for all kernels.
typedef int (*SetThreads)(int);
typedef void (*Gemm)(const char*, const char*, const int*, const int*, const int*, const real*, const real*,
                     const int*, const real*, const int*, const real*, real*, const int*);

// columns that a matrix is given room for: as many as its registers hold, however long these are
static inline long aligned(long width) { return (width + 15) / 16 * 16; }

// Columns of the even and the odd half of n columns; structures.py says of what, and mirrors the sizes below.
static inline long evens(long n) { return n / 2 + 1; }
static inline long odds(long n) { return (n - 1) / 2; }
static inline long folded_size(long width) { return 4 * (aligned(evens(width / 2)) + aligned(odds(width / 2))); }
static inline long permutation_size(long width) { return aligned(width); }
static inline long fourier_size(long width) {
    const long even = evens(width / 2), odd = odds(width / 2);
    return even * aligned(even) + odd * aligned(odd);
}

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
