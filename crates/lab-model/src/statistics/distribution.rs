//! The distributions that the tests need, to about 1e-13.

/// The logarithm of the gamma function for positive `x`: Lanczos' approximation with g = 7 and nine coefficients
/// (C. Lanczos 1964, coefficients after P. Godfrey 2001); relative error about 1e-15.
pub(super) fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // The reflection formula.
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let shifted = x + 7.5;
    let terms = COEFFICIENTS.iter().enumerate().map(|(place, term)| term / (x + place as f64 + 1.0));
    let sum = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * shifted.ln() - shifted + sum.ln()
}

/// The regularised incomplete beta function Iₓ(a, b) for 0 ≤ x ≤ 1 and positive `a`, `b`: the continued fraction
/// DLMF 8.17.22, evaluated by Lentz' method as modified by Thompson and Barnett (1986).
pub fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x.is_nan() || a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        // The fraction converges fast only on the other side.
        return 1.0 - beta_below(1.0 - x, x, b, a);
    }
    beta_below(x, 1.0 - x, a, b)
}

/// Iₓ(a, b) where its fraction converges fast; `rest` is 1 − x, which the caller may know more exactly.
fn beta_below(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    const SMALLEST: f64 = 1e-300;
    const MOST_STEPS: u32 = 100_000;
    let guard = |value: f64| if value.abs() < SMALLEST { SMALLEST } else { value };
    let factor = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * rest.ln()).exp() / a;
    let (mut c, mut d) = (1.0, 1.0 / guard(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for step in 1..MOST_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for numerator in [even, odd] {
            d = 1.0 / guard(1.0 + numerator * d);
            c = guard(1.0 + numerator / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    factor * fraction
}

/// The probability that Student's t with `freedom` degrees of freedom lies farther from 0 than `t`.
pub fn student_two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_nan() || freedom.is_nan() || freedom <= 0.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return 0.0;
    }
    let square = t * t;
    let (x, rest) = (freedom / (freedom + square), square / (freedom + square));
    let (a, b) = (freedom / 2.0, 0.5);
    if rest <= 0.0 {
        return 1.0;
    }
    // 1 − x is known exactly here: small t and many degrees of freedom lose nothing.
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - beta_below(rest, x, b, a) } else { beta_below(x, rest, a, b) }
}

/// The value that Student's t with `freedom` degrees of freedom stays below with the probability `p`, by bisection;
/// NaN outside 0 < p < 1.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    if p.is_nan() || freedom.is_nan() || p <= 0.0 || p >= 1.0 || freedom <= 0.0 {
        return f64::NAN;
    }
    if p < 0.5 {
        return -student_quantile(1.0 - p, freedom);
    }
    let outside = 2.0 * (1.0 - p);
    let (mut low, mut high) = (0.0, 1.0);
    while student_two_sided(high, freedom) > outside && high < 1e300 {
        (low, high) = (high, high * 2.0);
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if student_two_sided(middle, freedom) > outside { low = middle } else { high = middle }
    }
}
