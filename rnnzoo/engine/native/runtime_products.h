// Matrix products. A step's rows are multiplied by a matrix that is the same at every step: it is packed once a call, in
// the order in which it is read, where a BLAS would look for the best way, and often pack, at each of these products.
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
typedef real Register __attribute__((vector_size(VECTOR_BYTES)));
typedef real InMemory __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
static const long LANES = VECTOR_BYTES / long(sizeof(real));

// Keeps a value in its register, where a compiler would load it from memory again for each of its uses.
#if defined(__SSE__)
#define KEEP(value) asm("" : "+v"(value))
#else
#define KEEP(value)
#endif

// registers side by side in a panel of a packed matrix
static const long PANEL = 3;

// rows of a matrix that a pass through the innermost loop reads, a multiple of any number of chains
static const int UNROLLED = 4;

// The registers of the panel that begins at register `first` of `all`: three, but 2 + 2 rather than 3 + 1.
static inline long panel_width(long first, long all) {
    const long left = all - first;
    return left == PANEL + 1 ? 2 : left < PANEL ? left : PANEL;
}

static inline long registers(long width) { return (width + LANES - 1) / LANES; }

// rows of a transposed matrix that are packed at a time
static const long BLOCK = 128;

// bytes of a sum of outer products above which a BLAS adds to it as fast
static const long LARGE_RESULT = 131072;

// Pack this thread's share of a (depth, width) matrix that is made of pieces, `tall` below each other and `wide` side by
// side, row by row. Columns beyond the width are zero.
static void pack(const Piece* pieces, long tall, long wide, long depth, long width, real* packed, long me, long threads) {
    const long low = depth * me / threads, high = depth * (me + 1) / threads, all = registers(width);
    for (long first = 0, count; first < all; first += count) {
        count = panel_width(first, all);
        real* const panel = packed + first * LANES * depth;
        const long row = count * LANES, begin = first * LANES, end = begin + row;
        for (long i = 0, top = 0; i < tall; top += pieces[i * wide].rows, ++i) {
            const long from = low > top ? low : top;
            const long bottom = top + pieces[i * wide].rows, to = high < bottom ? high : bottom;
            for (long j = 0, left = 0; j < wide; left += pieces[i * wide + j].columns, ++j) {
                const Piece& piece = pieces[i * wide + j];
                const long right = left + piece.columns;
                const long near = begin > left ? begin : left, far = end < right ? end : right;
                if (piece.column == 1) {
                    for (long k = from; k < to && near < far; ++k)
                        memcpy(panel + k * row + near - begin, piece.at + (k - top) * piece.row + near - left,
                                    sizeof(real) * (far - near));
                    continue;
                }
                // Some rows at a time: read along the rows of a transposed matrix, as processors prefetch, and written
                // to a part of the panel that stays in the cache.
                for (long block = from; block < to; block += BLOCK) {
                    const long stop = block + BLOCK < to ? block + BLOCK : to;
                    for (long c = near; c < far; ++c) {
                        const real* const source = piece.at + (c - left) * piece.column - top * piece.row;
                        for (long k = block; k < stop; ++k) panel[k * row + c - begin] = source[k * piece.row];
                    }
                }
            }
        }
        for (long k = low; k < high; ++k)
            for (long c = width > begin ? width : begin; c < end; ++c) panel[k * row + c - begin] = 0;
    }
}

// The tile of `out` that R rows and a panel of C registers make.
template <int R, int C>
static inline __attribute__((always_inline)) void load(Register (&sums)[R][C], const real* out, long out_row) {
    #pragma GCC unroll 4
    for (int i = 0; i < R; ++i)
        #pragma GCC unroll 3
        for (int c = 0; c < C; ++c) sums[i][c] = *(const InMemory*)(out + i * out_row + c * LANES);
}

template <int R, int C>
static inline __attribute__((always_inline)) void store(const Register (&sums)[R][C], real* out, long out_row) {
    #pragma GCC unroll 4
    for (int i = 0; i < R; ++i)
        #pragma GCC unroll 3
        for (int c = 0; c < C; ++c) *(InMemory*)(out + i * out_row + c * LANES) = sums[i][c];
}

// R rows times a panel of C registers, summed up in K chains: a sum has to wait for itself, several do not.
template <int R, int C, int K>
static inline __attribute__((always_inline)) void tile(long depth, const real* left, long left_row, const real* panel,
                                                       bool add, real* out, long out_row) {
    Register sums[K][R][C] = {};
    const real* rows[R];
    #pragma GCC unroll 4
    for (int i = 0; i < R; ++i) rows[i] = left + i * left_row;
    if (add) load(sums[0], out, out_row);
    const long even = depth - depth % UNROLLED;
    for (long k = 0; k < even; k += UNROLLED) {
        #pragma GCC unroll 4
        for (int ahead = 0; ahead < UNROLLED; ++ahead) {
            Register columns[C];
            #pragma GCC unroll 3
            for (int c = 0; c < C; ++c) {
                columns[c] = *(const InMemory*)(panel + (ahead * C + c) * LANES);
                KEEP(columns[c]);
            }
            #pragma GCC unroll 4
            for (int i = 0; i < R; ++i) {
                const real factor = rows[i][k + ahead];
                #pragma GCC unroll 3
                for (int c = 0; c < C; ++c) sums[ahead % K][i][c] += factor * columns[c];
            }
        }
        panel += UNROLLED * C * LANES;
    }
    for (long k = even; k < depth; ++k, panel += C * LANES)
        #pragma GCC unroll 4
        for (int i = 0; i < R; ++i)
            #pragma GCC unroll 3
            for (int c = 0; c < C; ++c) sums[0][i][c] += rows[i][k] * *(const InMemory*)(panel + c * LANES);
    #pragma GCC unroll 4
    for (int chain = 1; chain < K; ++chain)
        #pragma GCC unroll 4
        for (int i = 0; i < R; ++i)
            #pragma GCC unroll 3
            for (int c = 0; c < C; ++c) sums[0][i][c] += sums[chain][i][c];
    store(sums[0], out, out_row);
}

// Copy some columns, the last of them in a register that begins within the one before.
static inline __attribute__((always_inline)) void copy(long columns, const real* from, real* to) {
    long c = 0;
    for (; c + LANES <= columns; c += LANES) *(InMemory*)(to + c) = *(const InMemory*)(from + c);
    if (columns > LANES) {
        c = columns - LANES;
        *(InMemory*)(to + c) = *(const InMemory*)(from + c);
    } else {
        for (; c < columns; ++c) to[c] = from[c];
    }
}

// The same where some of the columns may not exist in `out`.
template <int R, int C, int K>
static inline __attribute__((always_inline)) void some_rows(long depth, const real* left, long left_row,
                                                            const real* panel, bool add, real* out, long out_row,
                                                            long columns) {
    if (columns == C * LANES) return tile<R, C, K>(depth, left, left_row, panel, add, out, out_row);
    Register whole[R * C] = {};
    real* const there = (real*)whole;
    if (add)
        for (long i = 0; i < R; ++i) copy(columns, out + i * out_row, there + i * C * LANES);
    tile<R, C, K>(depth, left, left_row, panel, add, there, C * LANES);
    for (long i = 0; i < R; ++i) copy(columns, there + i * C * LANES, out + i * out_row);
}

template <int C>
static void all_rows(long rows, long depth, const real* left, long left_row, const real* panel, bool add, real* out,
                     long out_row, long columns) {
    long i = 0;
    for (; i + 4 <= rows; i += 4)
        some_rows<4, C, 1>(depth, left + i * left_row, left_row, panel, add, out + i * out_row, out_row, columns);
    for (; i + 2 <= rows; i += 2)
        some_rows<2, C, 2>(depth, left + i * left_row, left_row, panel, add, out + i * out_row, out_row, columns);
    if (i < rows)
        some_rows<1, C, 4>(depth, left + i * left_row, left_row, panel, add, out + i * out_row, out_row, columns);
}

// out = rows @ matrix, or out += rows @ matrix; everything row by row, the matrix packed
static void multiply(long rows, long width, long depth, const real* left, long left_row, const real* packed, bool add,
                     real* out, long out_row) {
    const long all = registers(width);
    for (long first = 0, count; first < all; first += count) {
        count = panel_width(first, all);
        const real* const panel = packed + first * LANES * depth;
        real* const begin = out + first * LANES;
        const long here = width - first * LANES, columns = here < count * LANES ? here : count * LANES;
        switch (count) {
            case 3: all_rows<3>(rows, depth, left, left_row, panel, add, begin, out_row, columns); break;
            case 2: all_rows<2>(rows, depth, left, left_row, panel, add, begin, out_row, columns); break;
            default: all_rows<1>(rows, depth, left, left_row, panel, add, begin, out_row, columns);
        }
    }
}

// R columns of `left` times a panel of C registers of `right`, added up over the rows of both.
template <int R, int C>
static inline __attribute__((always_inline)) void outer_tile(long rows, const real* left, long left_row,
                                                             const real* right, long right_row, bool add, real* out,
                                                             long out_row) {
    Register sums[R][C] = {};
    if (add) load(sums, out, out_row);
    for (long k = 0; k < rows; ++k, left += left_row, right += right_row) {
        Register columns[C];
        #pragma GCC unroll 3
        for (int c = 0; c < C; ++c) {
            columns[c] = *(const InMemory*)(right + c * LANES);
            KEEP(columns[c]);
        }
        #pragma GCC unroll 4
        for (int i = 0; i < R; ++i) {
            const real factor = left[i];
            #pragma GCC unroll 3
            for (int c = 0; c < C; ++c) sums[i][c] += factor * columns[c];
        }
    }
    store(sums, out, out_row);
}

template <int C>
static void all_columns(long rows, long depth, const real* left, long left_row, const real* right, long right_row,
                        bool add, real* out, long out_row) {
    long i = 0;
    // the last five columns are three and two, as a single one has to wait for its sums
    for (; i + 4 <= depth && i + 5 != depth; i += 4)
        outer_tile<4, C>(rows, left + i, left_row, right, right_row, add, out + i * out_row, out_row);
    for (; i + 3 <= depth; i += 3)
        outer_tile<3, C>(rows, left + i, left_row, right, right_row, add, out + i * out_row, out_row);
    for (; i + 2 <= depth; i += 2)
        outer_tile<2, C>(rows, left + i, left_row, right, right_row, add, out + i * out_row, out_row);
    if (i < depth) outer_tile<1, C>(rows, left + i, left_row, right, right_row, add, out + i * out_row, out_row);
}

// out = left^T @ right, or out += left^T @ right, over all rows of both; `right` is `all` registers wide.
static void transposed_multiply(long rows, long depth, long all, const real* left, long left_row, const real* right,
                                long right_row, bool add, real* out, long out_row) {
    for (long first = 0, count; first < all; first += count) {
        count = panel_width(first, all);
        const real* const panel = right + first * LANES;
        real* const begin = out + first * LANES;
        switch (count) {
            case 3: all_columns<3>(rows, depth, left, left_row, panel, right_row, add, begin, out_row); break;
            case 2: all_columns<2>(rows, depth, left, left_row, panel, right_row, add, begin, out_row); break;
            default: all_columns<1>(rows, depth, left, left_row, panel, right_row, add, begin, out_row);
        }
    }
}

// C registers of `left` times O columns of `right`: here a register holds rows of the result.
template <int C, int O>
static inline __attribute__((always_inline)) void upright_tile(long rows, const real* left, const real* right, long row,
                                                               bool add, real* out, long out_row) {
    Register sums[O][C] = {};
    for (long k = 0; k < rows; ++k, left += row, right += row)
        #pragma GCC unroll 4
        for (int c = 0; c < C; ++c) {
            const Register part = *(const InMemory*)(left + c * LANES);
            #pragma GCC unroll 2
            for (int o = 0; o < O; ++o) sums[o][c] += right[o] * part;
        }
    for (int o = 0; o < O; ++o)
        for (int c = 0; c < C; ++c)
            for (int lane = 0; lane < LANES; ++lane) {
                real& sum = out[(c * LANES + lane) * out_row + o];
                sum = add ? sum + sums[o][c][lane] : sums[o][c][lane];
            }
}

template <int O>
static void few_columns(long rows, long depth, const real* left, const real* right, long row, bool add, real* out,
                        long out_row) {
    long i = 0;
    for (; i + 4 * LANES <= depth; i += 4 * LANES)
        upright_tile<4, O>(rows, left + i, right, row, add, out + i * out_row, out_row);
    for (; i < depth; i += LANES) upright_tile<1, O>(rows, left + i, right, row, add, out + i * out_row, out_row);
}

// out = left^T @ right, or out += left^T @ right, over all rows of both; a result that leaves the cache is a BLAS's. Rows
// of `out` are aligned(width) apart: what lies between may be written, and as much be read behind `right` in its row.
static void accumulate(Gemm gemm, long rows, long depth, long width, const real* left, const real* right, long row,
                       bool add, real* out) {
    const long out_row = aligned(width);
    if (depth * out_row * long(sizeof(real)) > LARGE_RESULT) {
        const int m = int(width), n = int(depth), k = int(rows), ld = int(row), ldc = int(out_row);
        const real one = 1, beta = add ? 1 : 0;
        return gemm("N", "T", &m, &n, &k, &one, right, &ld, left, &ld, &beta, out, &ldc);
    }
    // One or two columns, those of a bias and of an input, are not worth a register of a panel.
    const long over = width % LANES, few = over <= 2 && depth % LANES == 0 ? over : 0, all = registers(width - few);
    if (few == 1) few_columns<1>(rows, depth, left, right + width - 1, row, add, out + width - 1, out_row);
    if (few == 2) few_columns<2>(rows, depth, left, right + width - 2, row, add, out + width - 2, out_row);
    transposed_multiply(rows, depth, all, left, row, right, row, add, out, out_row);
}
