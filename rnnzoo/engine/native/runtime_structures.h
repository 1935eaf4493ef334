// Products with matrices of a known structure: structures.py says which, and why they take less work.

// rows that are folded and unfolded at a time, so that they stay in the cache in between
static const long FOLDED = 8;

// Powers r^t of the root of unity that a Fourier matrix s r^(jk) is made of: its second row is s times these.
struct Roots {
    const Piece* whole;
    long n;
    real factor;
    real re(long t) const { return factor * whole->at[whole->row + t % n * whole->column]; }
    real im(long t) const { return factor * whole->at[whole->row + (n + t % n) * whole->column]; }
};

// The quarters A' and B' of a transform of every `apart`-th column, one after the other, row by row.
static real* pack_halves(const Roots& roots, long length, long apart, real* packed) {
    const long even = evens(length), odd = odds(length);
    for (long j = 0; j < even; ++j, packed += aligned(even))
        for (long k = 0; k < even; ++k) packed[k] = roots.re(apart * j * k);
    for (long j = 1; j <= odd; ++j, packed += aligned(odd))
        for (long k = 1; k <= odd; ++k) packed[k - 1] = roots.im(apart * j * k);
    return packed;
}

// Pack what a transform multiplies by; the first number says in what lengths it is done.
static void pack_fourier(const Piece* whole, long width, real* packed, long me, long threads) {
    const long n = width / 2, p = first_length(n), m = n / p, even = evens(n), odd = odds(n);
    if (me == 0) *reinterpret_cast<int*>(packed) = int(p);
    packed += aligned(1);
    if (p == 1) {
        const Piece A = {whole->at, whole->row, whole->column, even, even};
        const Piece B = {whole->at + whole->row + (n + 1) * whole->column, whole->row, whole->column, odd, odd};
        pack(&A, 1, 1, even, even, packed, me, threads);
        return pack(&B, 1, 1, odd, odd, packed + even * aligned(even), me, threads);
    }
    if (me != 0) return;  // too little to share
    const real s = whole->at[0];
    const Roots unit = {whole, n, 1 / s}, scaled = {whole, n, 1};
    packed = pack_halves(scaled, m, p, pack_halves(unit, p, m, packed));
    for (long k = 0; k < p; ++k, packed += 2 * aligned(m))
        for (long b = 0; b < m; ++b) {
            packed[b] = unit.re(b * k);
            packed[aligned(m) + b] = unit.im(b * k);
        }
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

// out = rows @ real form at once; a row of `folded` has room for both halves of both parts, before and after products
static void whole_transform(long rows, long width, const real* left, long left_row, const real* packed, real* out,
                            long out_row, real* folded) {
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

// C_k = sum_a cos(ak) (x_a + x_(q-a)) and S_k = sum_a sin(ak) (x_a - x_(q-a)), from the sums and differences of q rows of
// `all` registers each; packed as by pack_halves
static void mix(long q, long all, const real* packed, const real* folded, long row, real* mixed) {
    const long even = evens(q), odd = odds(q);
    transposed_multiply(even, even, all, packed, aligned(even), folded, row, false, mixed, row);
    transposed_multiply(odd, odd, all, packed + even * aligned(even), aligned(odd), folded + even * row, row, false,
                        mixed + even * row, row);
}

static inline void sum_and_difference(long count, const real* __restrict__ a, const real* __restrict__ b,
                                      real* __restrict__ sum, real* __restrict__ difference) {
    #pragma omp simd
    for (long c = 0; c < count; ++c) {
        sum[c] = a[c] + b[c];
        difference[c] = a[c] - b[c];
    }
}

// The same of two columns, whose numbers lie a row apart.
static inline void turned_sum_and_difference(long count, long row, const real* __restrict__ a,
                                             const real* __restrict__ b, real* __restrict__ sum,
                                             real* __restrict__ difference) {
    for (long k = 0; k < count; ++k) {
        const real one = a[k * row], other = b[k * row];
        sum[k] = one + other;
        difference[k] = one - other;
    }
}

// Columns of a pair of mirrored rows k and q - k, each times its twiddles, real and imaginary part.
static inline void turn(long count, const real* __restrict__ even, const real* __restrict__ odd,
                        const real* __restrict__ even_im, const real* __restrict__ odd_im, const real* __restrict__ t,
                        const real* __restrict__ mirrored_t, long t_im, real* __restrict__ re, real* __restrict__ im,
                        real* __restrict__ mirrored_re, real* __restrict__ mirrored_im) {
    #pragma omp simd
    for (long c = 0; c < count; ++c) {
        const real x = even[c] - odd_im[c], y = even_im[c] + odd[c], v = even[c] + odd_im[c], w = even_im[c] - odd[c];
        re[c] = x * t[c] - y * t[t_im + c];
        im[c] = x * t[t_im + c] + y * t[c];
        mirrored_re[c] = v * mirrored_t[c] - w * mirrored_t[t_im + c];
        mirrored_im[c] = v * mirrored_t[t_im + c] + w * mirrored_t[c];
    }
}

static inline void turn_one(long count, const real* __restrict__ x, const real* __restrict__ y,
                            const real* __restrict__ t, long t_im, real* __restrict__ re, real* __restrict__ im) {
    #pragma omp simd
    for (long c = 0; c < count; ++c) {
        re[c] = x[c] * t[c] - y[c] * t[t_im + c];
        im[c] = x[c] * t[t_im + c] + y[c] * t[c];
    }
}

// Columns of a pair of mirrored rows k and q - k.
static inline void unfold(long count, const real* __restrict__ even, const real* __restrict__ odd,
                          const real* __restrict__ even_im, const real* __restrict__ odd_im, real* __restrict__ re,
                          real* __restrict__ im, real* __restrict__ mirrored_re, real* __restrict__ mirrored_im) {
    #pragma omp simd
    for (long c = 0; c < count; ++c) {
        re[c] = even[c] - odd_im[c];
        im[c] = even_im[c] + odd[c];
        mirrored_re[c] = even[c] + odd_im[c];
        mirrored_im[c] = even_im[c] - odd[c];
    }
}

// out = rows @ real form by transforms of length p and then m; folded_size says how much room a row of `folded` is
static void split_transform(long p, long rows, long width, const real* left, long left_row, const real* packed,
                            real* out, long out_row, real* folded) {
    const long n = width / 2, m = n / p, even = evens(p), odd = odds(p);
    const real *const second = packed + halves_size(p), *const twiddles = second + halves_size(m);
    const long t_im = aligned(m), t_row = 2 * t_im, room = folded_size(width) / 3;
    for (long first = 0; first < rows; first += FOLDED) {
        const long some = first + FOLDED < rows ? FOLDED : rows - first;
        real *const x = folded, *const y = x + some * room, *const z = y + some * room;
        // Blocks of m columns are rows here, those of real and imaginary parts of all sequences side by side.
        const long wide = some * 2 * m, row = aligned(wide);
        for (long i = 0; i < 2 * some; ++i) {
            const real* const from = left + (first + i / 2) * left_row + i % 2 * n;
            real* const to = x + i * m;
            memcpy(to, from, sizeof(real) * m);
            if (p % 2 == 0) memcpy(to + (even - 1) * row, from + p / 2 * m, sizeof(real) * m);
            for (long a = 1; a <= odd; ++a)
                sum_and_difference(m, from + a * m, from + (p - a) * m, to + a * row, to + (even + a - 1) * row);
        }
        mix(p, registers(wide), packed, x, row, y);
        for (long i = 0; i < some; ++i) {
            const real *const e = y + 2 * i * m, *const o = e + even * row;
            real* const to = x + 2 * i * m;
            turn_one(m, e, e + m, twiddles, t_im, to, to + m);
            if (p % 2 == 0) {
                const long k = p / 2;
                turn_one(m, e + k * row, e + k * row + m, twiddles + k * t_row, t_im, to + k * row, to + k * row + m);
            }
            for (long k = 1; k <= odd; ++k) {
                const real *const ek = e + k * row, *const ok = o + (k - 1) * row;
                real *const at = to + k * row, *const mirrored = to + (p - k) * row;
                turn(m, ek, ok, ek + m, ok + m, twiddles + k * t_row, twiddles + (p - k) * t_row, t_im, at, at + m,
                     mirrored, mirrored + m);
            }
        }
        // Turned round: now the p blocks lie side by side, and each of their m columns is a row.
        const long turned_wide = some * 2 * p, turned_row = aligned(turned_wide), even_m = evens(m), odd_m = odds(m);
        for (long i = 0; i < 2 * some; ++i) {
            const real* const from = x + i * m;
            real *const sums = z + i * p, *const differences = sums + even_m * turned_row;
            for (long k = 0; k < p; ++k) sums[k] = from[k * row];
            if (m % 2 == 0)
                for (long k = 0; k < p; ++k) sums[m / 2 * turned_row + k] = from[k * row + m / 2];
            for (long b = 1; b <= odd_m; ++b)
                turned_sum_and_difference(p, row, from + b, from + m - b, sums + b * turned_row,
                                          differences + (b - 1) * turned_row);
        }
        mix(m, registers(turned_wide), second, z, turned_row, y);
        for (long i = 0; i < some; ++i) {
            const real *const e = y + 2 * i * p, *const o = e + even_m * turned_row;
            real *const re = out + (first + i) * out_row, *const im = re + n;
            memcpy(re, e, sizeof(real) * p);
            memcpy(im, e + p, sizeof(real) * p);
            if (m % 2 == 0) {
                memcpy(re + m / 2 * p, e + m / 2 * turned_row, sizeof(real) * p);
                memcpy(im + m / 2 * p, e + m / 2 * turned_row + p, sizeof(real) * p);
            }
            for (long k = 1; k <= odd_m; ++k) {
                const real *const ek = e + k * turned_row, *const ok = o + (k - 1) * turned_row;
                unfold(p, ek, ok, ek + p, ok + p, re + k * p, im + k * p, re + (m - k) * p, im + (m - k) * p);
            }
        }
    }
}

// out = rows @ real form
static void fourier(long rows, long width, const real* left, long left_row, const real* packed, real* out, long out_row,
                    real* folded) {
    const long p = *reinterpret_cast<const int*>(packed);
    packed += aligned(1);
    if (p == 1) return whole_transform(rows, width, left, left_row, packed, out, out_row, folded);
    split_transform(p, rows, width, left, left_row, packed, out, out_row, folded);
}

// Find which column of the rows each column of this thread's share of the result is, along the matrix as it lies.
static void pack_permutation(const Piece* whole, long width, real* packed, long me, long threads) {
    int* const from = reinterpret_cast<int*>(packed);
    const long low = width * me / threads, high = width * (me + 1) / threads;
    if (whole->row == 1) {
        for (long j = low; j < high; ++j) {
            const real* const column = whole->at + j * whole->column;
            int found = 0;
            #pragma omp simd reduction(| : found)
            for (int k = 0; k < int(width); ++k) found |= column[k] != 0 ? k : 0;
            from[j] = found;
        }
        return;
    }
    for (long j = low; j < high; ++j) from[j] = 0;
    for (int k = 1; k < int(width); ++k) {
        const real* const row = whole->at + k * whole->row;
        #pragma omp simd
        for (long j = low; j < high; ++j) from[j] |= row[j * whole->column] != 0 ? k : 0;
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
