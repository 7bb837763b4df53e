// Moments of caps and arcs as power series, which lose nothing where the angle is small.
//
// With a the half-angle, and heights p and distances q as in Cap::at for radius 1, all of them
// combinations of sines of multiples of a:
//   int p          = 3/4 sin a + 1/12 sin 3a - a cos a
//   int q^2 - p^2  = combination of x, sin x, x cos x, sin 2x for x = 2a
//   a mean(p)          = sin a - a cos a                  along the arc
//   mean(p^2 - q^2)    = (1 + cos x) / 2 - sin x / x      along the arc
#pragma once

namespace sdot {

// sum_k (-1)^k c(k) / (2 k + 1)! z^(2 k + 1), from where the c(k) are not zero.
template <int First, int Count>
class OddSeries {
public:
    template <class Coefficient>
    constexpr explicit OddSeries(const Coefficient& c) : terms_{} {
        double factorial = 1;
        for (int k = 0; k < First + Count; ++k) {
            if (k > 0) factorial *= 2 * k * (2 * k + 1);
            if (k >= First) terms_[k - First] = (k % 2 ? -1 : 1) * c(k) / factorial;
        }
    }
    double operator()(double z) const {
        const double u = z * z;
        double sum = 0;
        for (int k = Count - 1; k >= 0; --k) sum = sum * u + terms_[k];
        for (int k = 0; k < First; ++k) sum *= u;
        return sum * z;
    }

private:
    double terms_[Count];
};

constexpr double power_of(double base, int exponent) {
    double result = 1;
    for (int k = 0; k < exponent; ++k) result *= base;
    return result;
}

// Exact to rounding for half-angles up to pi / 6.
struct CapSeries {
    static double height(double a) {  // int p
        static constexpr OddSeries<2, 9> series(
            [](int k) { return 0.75 + 0.25 * power_of(9, k) - (2 * k + 1); });
        return series(a);
    }
    static double square_gap(double a) {  // int q^2 - p^2
        static constexpr OddSeries<2, 10> series([](int k) {
            return 5.0 / 12 - (2 * k + 1) / 4.0 + power_of(2, 2 * k + 1) / 24;
        });
        return series(2 * a);
    }
    static double arc_height(double a) {  // a mean(p)
        static constexpr OddSeries<1, 8> series([](int k) { return -2.0 * k; });
        return series(a);
    }
    static double arc_square_gap(double a) {  // a mean(q^2 - p^2)
        static constexpr OddSeries<1, 10> series([](int k) { return 0.5 * (0.5 - k); });
        return series(2 * a);
    }
};

}  // namespace sdot
