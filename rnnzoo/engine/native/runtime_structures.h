// Products with matrices of a known structure: structures.py says which, and why they take less work.

// rows that are folded and unfolded at a time, so that they stay in the cache in between
static const long FOLDED = 8;

// Pack this thread's share of the quarters A' and B' of a real form.
static void pack_fourier(const Piece* whole, long width, real* packed, long me, long threads) {
    const long n = width / 2, even = evens(n), odd = odds(n);
    const Piece A = {whole->at, whole->row, whole->column, even, even};
    const Piece B = {whole->at + whole->row + (n + 1) * whole->column, whole->row, whole->column, odd, odd};
    pack(&A, 1, 1, even, even, packed, me, threads);
    pack(&B, 1, 1, odd, odd, packed + even * aligned(even), me, threads);
}

// Columns low ... high of the halves of a row of n columns.
static inline void fold_some(long low, long high, long n, const real* __restrict__ x, real* __restrict__ even,
                             real* __restrict__ odd) {
    #pragma omp simd
    for (long k = low; k < high; ++k) {
        even[k] = x[k] + x[n - k];
        odd[k - 1] = x[k] - x[n - k];
    }
}

// Columns low ... high of a transformed row, and those that mirror them, of its real and its imaginary part.
static inline void unfold_some(long low, long high, long n, const real* __restrict__ even, const real* __restrict__ odd,
                               const real* __restrict__ even_im, const real* __restrict__ odd_im,
                               real* __restrict__ re, real* __restrict__ im) {
    #pragma omp simd
    for (long k = low; k < high; ++k) {
        re[k] = even[k] - odd_im[k - 1];
        im[k] = even_im[k] + odd[k - 1];
        re[n - k] = even[k] + odd_im[k - 1];
        im[n - k] = even_im[k] - odd[k - 1];
    }
}

// Where columns 1 ... count end that fill registers; the last ones then fill one that begins among those before.
static inline long whole_registers(long count) { return 1 + count / LANES * LANES; }
static inline long last_register(long count) { return count < LANES ? 1 : 1 + count - LANES; }

// out = rows @ real form; a row of `folded` has room for both halves of both parts before and after the products
static void fourier(long rows, long width, const real* left, long left_row, const real* packed, real* out, long out_row,
                    real* folded) {
    const long n = width / 2, even = evens(n), odd = odds(n), even_row = aligned(even), odd_row = aligned(odd);
    const long full = whole_registers(odd), last = last_register(odd), end = odd + 1;
    const real* const packed_odd = packed + even * even_row;
    for (long first = 0; first < rows; first += FOLDED) {
        const long some = first + FOLDED < rows ? FOLDED : rows - first, parts = 2 * some;
        real *const E = folded, *const O = E + parts * even_row, *const EA = O + parts * odd_row;
        real* const OB = EA + parts * even_row;
        for (long i = 0; i < parts; ++i) {
            const real* const x = left + (first + i / 2) * left_row + i % 2 * n;
            real *const e = E + i * even_row, *const o = O + i * odd_row;
            e[0] = x[0];
            if (n % 2 == 0) e[even - 1] = x[n / 2];
            fold_some(1, full, n, x, e, o);
            if (full < end) fold_some(last, end, n, x, e, o);
        }
        multiply(parts, registers(even) * LANES, even, E, even_row, packed, false, EA, even_row);
        multiply(parts, registers(odd) * LANES, odd, O, odd_row, packed_odd, false, OB, odd_row);
        for (long i = 0; i < some; ++i) {
            const real *const e = EA + 2 * i * even_row, *const o = OB + 2 * i * odd_row;
            const real *const e_im = e + even_row, *const o_im = o + odd_row;
            real *const re = out + (first + i) * out_row, *const im = re + n;
            re[0] = e[0];
            im[0] = e_im[0];
            if (n % 2 == 0) {
                re[n / 2] = e[even - 1];
                im[n / 2] = e_im[even - 1];
            }
            unfold_some(1, full, n, e, o, e_im, o_im, re, im);
            if (full < end) unfold_some(last, end, n, e, o, e_im, o_im, re, im);
        }
    }
}

// Find which column of the rows each column of this thread's share of the result is.
static void pack_permutation(const Piece* whole, long width, real* packed, long me, long threads) {
    int* const from = reinterpret_cast<int*>(packed);
    const long low = width * me / threads, high = width * (me + 1) / threads;
    for (long j = low; j < high; ++j) {
        const real* const column = whole->at + j * whole->column;
        int found = 0;
        #pragma omp simd reduction(| : found)
        for (int k = 0; k < int(width); ++k) found |= column[k * whole->row] != 0 ? k : 0;
        from[j] = found;
    }
}

// out = rows @ permutation matrix
static void permute(long rows, long width, const real* left, long left_row, const real* packed, real* out, long out_row) {
    const int* const from = reinterpret_cast<const int*>(packed);
    long i = 0;
    for (; i + 4 <= rows; i += 4) {  // a column is looked up for four rows at once
        const real *const a = left + i * left_row, *const b = a + left_row, *const c = b + left_row;
        const real* const d = c + left_row;
        real *const at = out + i * out_row, *const next = at + out_row, *const third = next + out_row;
        real* const last = third + out_row;
        for (long j = 0; j < width; ++j) {
            const long k = from[j];
            at[j] = a[k];
            next[j] = b[k];
            third[j] = c[k];
            last[j] = d[k];
        }
    }
    for (; i < rows; ++i)
        for (long j = 0; j < width; ++j) out[i * out_row + j] = left[i * left_row + from[j]];
}
