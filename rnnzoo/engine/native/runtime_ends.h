// What stands at both ends of a loop: states and adjoints as PyTorch's tensors hold them, and the sums of all threads.

// Copy this thread's rows of a tensor to dense columns of a row; none is zero.
static void take(const Part& part, long first, long rows, long width, real* to, long to_row) {
    for (long i = 0; i < rows; ++i) {
        real* const to_i = to + i * to_row;
        if (!part.at) {
            for (long j = 0; j < width; ++j) to_i[j] = 0;
        } else {
            const real* const from_i = part.at + (first + i) * part.row;
            if (part.column == 1) memcpy(to_i, from_i, sizeof(real) * width);
            else for (long j = 0; j < width; ++j) to_i[j] = from_i[j * part.column];
        }
    }
}

// Copy columns of this thread's rows to a dense tensor, if it is wanted.
static void give(const Part& part, long first, long rows, long width, const real* from, long from_row) {
    if (part.at)
        for (long i = 0; i < rows; ++i)
            memcpy(part.at + (first + i) * width, from + i * from_row, sizeof(real) * width);
}

// max |a - b| over dense rows; a NaN stays one
static double largest_difference(const real* a, const real* b, long count) {
    real largest = 0, sum = 0;
    #pragma omp simd reduction(max : largest) reduction(+ : sum)
    for (long j = 0; j < count; ++j) {
        const real difference = a[j] < b[j] ? b[j] - a[j] : a[j] - b[j];
        largest = difference > largest ? difference : largest;
        sum += difference;
    }
    return sum != sum ? sum : largest;
}

// Add up this thread's rows of a result, always in the same order of threads.
template <typename Source>
static void add_up(const Total& total, const Source* sources, long size, long me, long threads) {
    const long low = total.rows * me / threads, high = total.rows * (me + 1) / threads, columns = total.columns;
    if (total.column == 1 && sizeof(Source) == sizeof(real)) {
        for (long i = low; i < high; ++i) {
            real* const to = total.at + i * columns;
            for (long k = 0; k < threads; ++k) {
                const Source* const from = sources + k * size + total.start + i * total.row;
                if (k == 0) {
                    memcpy(to, from, sizeof(real) * columns);
                } else {
                    #pragma omp simd
                    for (long j = 0; j < columns; ++j) to[j] += real(from[j]);
                }
            }
        }
        return;
    }
    // sixteen rows at a time, so that a cache line of a transposed source is used up while it is there
    for (long block = low; block < high; block += 16) {
        const long stop = block + 16 < high ? block + 16 : high;
        for (long j = 0; j < columns; ++j)
            for (long i = block; i < stop; ++i) {
                const Source* const from = sources + total.start + i * total.row + j * total.column;
                Source sum = 0;
                for (long k = 0; k < threads; ++k) sum += from[k * size];
                total.at[i * columns + j] = real(sum);
            }
    }
}

extern "C" { extern const Runtime runtime; }
const Runtime runtime = {
    pack, multiply, pack_fourier, fourier, pack_permutation, permute, accumulate, take, give, largest_difference,
    add_up<real>, add_up<double>,
};
