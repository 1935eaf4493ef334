// Elementary functions that a compiler can vectorise: no branches, no calls, no reassociation needed.
// exp(x) = 2^n (1 + p), n = round(x / ln 2), p = exp(r) - 1 from its Taylor series at |r| <= ln(2) / 2.
// A NaN goes through every one of them: the clamps are written as comparisons that a NaN fails.
// The headers are C's: to read those of C++ takes a sixth of a small kernel's compilation.
#include <stdint.h>
#include <string.h>

#ifdef RNNZOO_DOUBLE
typedef double real;
typedef int64_t whole;
static const real ROUND = 6755399441055744.0, LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
static const real EXP_LOW = -708.0, EXP_HIGH = 709.9, TANH_END = 20.0;
static const int MANTISSA = 52, BIAS = 1023;
static inline real square_root(real x) { return __builtin_sqrt(x); }
static inline real magnitude(real x) { return __builtin_fabs(x); }
#else
typedef float real;
typedef int32_t whole;
static const real ROUND = 12582912.0f, LN2_HIGH = 0.693145751953125f, LN2_LOW = 1.428606820309417e-06f;
static const real EXP_LOW = -87.0f, EXP_HIGH = 88.8f, TANH_END = 9.1f;
static const int MANTISSA = 23, BIAS = 127;
static inline real square_root(real x) { return __builtin_sqrtf(x); }
static inline real magnitude(real x) { return __builtin_fabsf(x); }
#endif

static inline real bits_to_real(whole bits) { real x; memcpy(&x, &bits, sizeof x); return x; }
static inline whole real_to_bits(real x) { whole bits; memcpy(&bits, &x, sizeof bits); return bits; }

static inline real clamped(real x, real low, real high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

// exp(x) - 1 = scale - 1 + scale * p, for x from EXP_LOW to EXP_HIGH
static inline real exp_parts(real x, real& scale) {
    const real shifted = x * real(1.44269504088896340736) + ROUND;  // the sum rounds x / ln 2 to an integer
    const real n = shifted - ROUND;
    scale = bits_to_real(whole(uint64_t(real_to_bits(shifted) + BIAS) << MANTISSA));
    const real r = (x - n * LN2_HIGH) - n * LN2_LOW;
#ifdef RNNZOO_DOUBLE
    real p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
#else
    real p = 1.0f / 5040.0f;
#endif
    p = p * r + real(1.0 / 720.0);
    p = p * r + real(1.0 / 120.0);
    p = p * r + real(1.0 / 24.0);
    p = p * r + real(1.0 / 6.0);
    p = p * r + real(0.5);
    return p * (r * r) + r;
}

static inline real vector_exp(real x) {
    real scale;
    const real p = exp_parts(clamped(x, EXP_LOW, EXP_HIGH), scale);
    return scale * (real(1) + p);
}

static inline real vector_expm1(real x) {
    x = clamped(x, EXP_LOW, EXP_HIGH);
    real scale;
    const real p = exp_parts(x, scale);
    return x > 1 ? scale * (real(1) + p) - real(1) : scale * p + (scale - real(1));
}

static inline real vector_sigmoid(real x) { return real(1) / (real(1) + vector_exp(-x)); }

static inline real vector_tanh(real x) {
    x = clamped(x, -TANH_END, TANH_END);
    real scale;
    const real p = exp_parts(x + x, scale);
    const real q = scale * p + (scale - real(1));
    return q / (q + real(2));
}
