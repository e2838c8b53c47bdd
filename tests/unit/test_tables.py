"""Tables of counts against R, enumeration and printed values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies

from reanalysis.errors import MethodError
from reanalysis.methods import tables
from reanalysis.sample import Sample
from reanalysis.tables import contingency, paired_binary, two_by_two

INF = math.inf
SETTINGS = {
    "test": "fisher",
    "alternative": "two-sided",
    "odds_ratio": "conditional-mle",
    "interval_odds_ratio": "conditional-exact",
    "interval_risk_ratio": "log",
    "interval_risk_difference": "newcombe",
    "conf_level": 0.95,
    "seed": 1,
}


def close(value, rel=1e-9):
    return pytest.approx(value, rel=rel, abs=1e-12)


def only(rows, statistic, **where):
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


# R 4.2.2 with m = matrix(c(x1, n1 - x1, x2, n2 - x2), 2): fisher.test(m) two-sided,
# less, greater; the doubled p-value from its null probabilities; chisq.test(m,
# correct = FALSE) and chisq.test(m), statistic and p-value.
R_TESTS = {
    (2, 21, 7, 21): (
        (0.130013690989, 0.0650068454947, 0.989757111708, 0.130013690989),
        (3.53535353535, 0.060073526097, 2.26262626263, 0.132529139997),
    ),
    (3, 21, 1, 21): (
        (0.606003752345, 0.946529080675, 0.303001876173, 0.606003752345),
        (1.10526315789, 0.293113955673, 0.276315789474, 0.599126209644),
    ),
    (27, 295, 52, 307): (
        (0.00533905128945, 0.00321063907683, 0.998523066141, 0.00642127815367),
        (7.99850368082, 0.00468160215912, 7.3301838144, 0.00678061192333),
    ),
    (7, 34, 1, 34): (
        (0.0544001304951, 0.997543806817, 0.0272000652475, 0.0544001304951),
        (5.1, 0.0239258434806, 3.54166666667, 0.0598452989566),
    ),
    (0, 16, 15, 72): (
        (0.0628666646301, 0.0364139468565, 1, 0.0728278937129),
        (4.01826484018, 0.0450099984992, 2.67995941147, 0.101618318297),
    ),
    (9, 10, 2, 12): (
        (0.00190521552751, 0.999982989147, 0.000952607763753, 0.00190521552751),
        (11.7333333333, 0.000613905375006, 8.98333333333, 0.00272453179092),
    ),
    (5, 5, 0, 6): (
        (0.0021645021645, 1, 0.0021645021645, 0.004329004329),
        (11, 0.000911118877154, 7.33638888889, 0.00675724480939),
    ),
    (56, 70, 48, 80): (
        (0.0125211297492, 0.99787526845, 0.0063247111299, 0.0126494222598),
        (7.02341137124, 0.0080450813682, 6.1142704103, 0.0134094751787),
    ),
}
# R: uniroot (tol 1e-14) on the noncentral hypergeometric mean and tails, because
# fisher.test stops its search early; estimate, exact limits, mid-P limits.
R_ODDS_RATIOS = {
    (2, 21, 7, 21): (
        0.218363973588,
        (0.0193213198112, 1.38440154468),
        (0.02747319897, 1.15133247697),
    ),
    (3, 21, 1, 21): (
        3.24493584222,
        (0.235937903719, 183.570843257),
        (0.317066043526, 91.8180642716),
    ),
    (27, 295, 52, 307): (
        0.494612439591,
        (0.289146762446, 0.830283935859),
        (0.29796621166, 0.808475231968),
    ),
    (7, 34, 1, 34): (
        8.32934371755,
        (0.973273632882, 396.99400217),
        (1.18858678831, 199.616645737),
    ),
    (0, 16, 15, 72): (0, (0, 1.14090125218), (0, 0.885843576544)),
    (9, 10, 2, 12): (
        33.9768230489,
        (2.66169586981, 2159.93769638),
        (3.42831102599, 1075.09504503),
    ),
    (5, 5, 0, 6): (INF, (2.8427991775, INF), (4.14932127811, INF)),
    (56, 70, 48, 80): (
        2.64918729572,
        (1.20911547892, 6.03987301313),
        (1.27615915429, 5.67086646084),
    ),
}
# R: uniroot on the score, the restricted likelihood maximised by uniroot on its
# derivative. Risk difference: Miettinen-Nurminen, Mee; risk ratio: Koopman,
# Miettinen-Nurminen.
R_SCORES = {
    (2, 21, 7, 21): (
        (-0.475456133141, 0.0143365436776),
        (-0.472772326256, 0.0110325607872),
        (0.0721912949787, 1.04643741211),
        (0.0711450455096, 1.06056312772),
    ),
    (3, 21, 1, 21): (
        (-0.109318697465, 0.311032159045),
        (-0.106190372069, 0.308102038215),
        (0.4681809152, 20.1456703412),
        (0.460088434489, 20.5108474296),
    ),
    (27, 295, 52, 307): (
        (-0.132288445296, -0.024356750365),
        (-0.132241971683, -0.0244018932556),
        (0.349592308472, 0.831425069948),
        (0.349467091693, 0.831717055894),
    ),
    (0, 16, 15, 72): (
        (-0.31637015888, -0.00557414294077),
        (-0.315692634194, -0.00744550819481),
        (0, 0.961902051008),
        (0, 0.971450732451),
    ),
    (9, 10, 2, 12): (
        (0.328711825162, 0.909234802042),
        (0.339734075908, 0.907100542244),
        (1.89115154012, 19.3788301794),
        (1.85389005774, 19.9127663756),
    ),
    (56, 70, 48, 80): (
        (0.0528297132458, 0.338172940016),
        (0.0533338492913, 0.337729463741),
        (1.07982150636, 1.67080557802),
        (1.07904711953, 1.67214535909),
    ),
    (5, 5, 0, 6): (
        (0.444934400274, 1),
        (0.482334066064, 1),
        (2.56190662976, INF),
        (2.41991511797, INF),
    ),
    (4, 4, 3, 3): (
        (-0.528396538802, 0.599021717645),
        (-0.489890836455, 0.561497031755),
        (0.510109163545, 2.28048627356),
        (0.471603461199, 2.49390065249),
    ),
    (0, 10, 0, 12): (
        (-0.251141327602, 0.286956277047),
        (-0.242494006655, 0.277532799863),
        (0, INF),
        (0, INF),
    ),
}


@pytest.mark.parametrize("cells", R_TESTS)
def test_tests_against_r(cells):
    (two_sided, less, greater, doubled), (chi, chi_p, yates, yates_p) = R_TESTS[cells]
    assert two_by_two.fisher(*cells).p_value == close(two_sided)
    assert two_by_two.fisher(*cells, "less").p_value == close(less)
    assert two_by_two.fisher(*cells, "greater").p_value == close(greater)
    assert two_by_two.fisher(*cells, doubled=True).p_value == close(doubled)
    test = two_by_two.chi_square(*cells)
    assert (test.statistic, test.p_value, test.df) == close((chi, chi_p, 1))
    test = two_by_two.chi_square(*cells, variant="Yates")
    assert (test.statistic, test.p_value) == close((yates, yates_p))
    n = cells[1] + cells[3]
    test = two_by_two.chi_square(*cells, variant="n-1")
    assert test.statistic == close(chi * (n - 1) / n)


@pytest.mark.parametrize("cells", R_ODDS_RATIOS)
def test_conditional_odds_ratio_against_r(cells):
    estimate, exact, mid_p = R_ODDS_RATIOS[cells]
    assert two_by_two.conditional_odds_ratio(*cells) == close(estimate)
    interval = two_by_two.conditional_odds_ratio_interval
    assert interval(*cells) == close(exact)
    assert two_by_two.mid_p_odds_ratio_interval(*cells) == close(mid_p)


@pytest.mark.parametrize("cells", R_SCORES)
def test_score_intervals_against_r(cells):
    miettinen, mee, koopman, miettinen_ratio = R_SCORES[cells]
    difference = two_by_two.score_difference_interval
    assert difference(*cells) == close(miettinen, rel=1e-7)
    assert difference(*cells, unbiased=False) == close(mee, rel=1e-7)
    ratio = two_by_two.score_risk_ratio_interval
    assert ratio(*cells) == close(koopman, rel=1e-7)
    assert ratio(*cells, unbiased=True) == close(miettinen_ratio, rel=1e-7)


def test_risk_ratio_score_interval_six_of_six():
    # 6/6 against 2/6: the lower limit has a score chi-square of 3.84.
    low, _ = two_by_two.score_risk_ratio_interval(6, 6, 2, 6)
    assert low == pytest.approx(1.3155, abs=5e-5)


def test_newcombe_1998_printed_differences():
    # Newcombe (1998) Table II, 56/70 against 48/80: methods 1, 5, 6 and 10.
    cells = (56, 70, 48, 80)
    printed = {
        "wald": (0.0575, 0.3425),
        "mee": (0.0533, 0.3377),
        "miettinen-nurminen": (0.0528, 0.3382),
        "newcombe": (0.0524, 0.3339),
    }
    for kind, limits in printed.items():
        _, function = two_by_two.RISK_DIFFERENCE_INTERVALS[kind]
        assert function(*cells, 0.95) == pytest.approx(limits, abs=5.1e-5)


def test_printed_values_of_fagerland_lydersen_laake():
    # Statistical Analysis of Contingency Tables (2017), as computed by the R package
    # contingencytables for 7/34 against 1/34, 0/16 against 15/72, 3/4 against 1/4.
    perondi = (7, 34, 1, 34)
    printed = {
        two_by_two.wald_difference_interval: (0.0292, 0.3238),
        two_by_two.agresti_caffo_interval: (0.0116, 0.3217),
        two_by_two.newcombe_interval: (0.0189, 0.3404),
        two_by_two.log_risk_ratio_interval: (0.9096, 53.8695),
        two_by_two.score_risk_ratio_interval: (1.2209, 42.5757),
    }
    for function, limits in printed.items():
        assert function(*perondi) == pytest.approx(limits, abs=5.1e-5)
    test = two_by_two.fisher(0, 16, 15, 72, mid_p=True)
    assert test.p_value == pytest.approx(0.04466, abs=5.1e-6)
    limits = two_by_two.mid_p_odds_ratio_interval(3, 4, 1, 4)
    assert limits == pytest.approx((0.3101, 308.5568), abs=5.1e-5)


def test_wide_odds_ratio_limits_where_r_stops_early():
    # 3/4 against 1/4: fisher.test says 621.93, where the lower tail is not 0.025.
    low, high = two_by_two.conditional_odds_ratio_interval(3, 4, 1, 4)
    assert high == close(626.2435305888, rel=1e-12)
    k = np.arange(5)
    weights = np.array([math.comb(4, i) ** 2 for i in range(5)])
    for limit, tail in ((low, k >= 3), (high, k <= 3)):
        p = weights * limit ** (k - 3.0)
        assert p[tail].sum() / p.sum() == close(0.025)


def test_published_fisher_tests():
    assert round(two_by_two.fisher(2, 21, 7, 21).p_value, 3) == 0.130
    assert round(two_by_two.fisher(3, 21, 1, 21).p_value, 3) == 0.606
    # Indometacin against pancreatitis, 27/295 against 52/307: printed as 0.005.
    assert round(two_by_two.fisher(27, 295, 52, 307).p_value, 4) == 0.0053
    assert round(two_by_two.chi_square(27, 295, 52, 307).p_value, 4) == 0.0047


def test_mid_p_halves_the_mirror_table_too():
    # Equal groups: the mirror table is as likely, so both count by half.
    test = two_by_two.fisher(7, 34, 1, 34, mid_p=True)
    assert test.p_value == close(0.0296562584304)
    doubled = two_by_two.fisher(7, 34, 1, 34, doubled=True, mid_p=True)
    assert doubled.p_value == close(0.0296562584304)


def test_signed_root_and_unpooled_z():
    less = two_by_two.chi_square(2, 21, 7, 21, "less")
    assert less.p_value == close(0.060073526097 / 2)
    greater = two_by_two.chi_square(2, 21, 7, 21, "greater")
    assert greater.p_value == close(1 - 0.060073526097 / 2)
    z = two_by_two.unpooled_z(2, 21, 7, 21)
    p1, p2 = 2 / 21, 7 / 21
    error = math.sqrt((p1 * (1 - p1) + p2 * (1 - p2)) / 21)
    assert z.statistic == close((p1 - p2) / error)
    assert z.p_value == close(math.erfc(abs(z.statistic) / math.sqrt(2)))


def test_woolf_by_hand():
    spread = math.exp(1.959963984540054 * math.sqrt(1 / 2 + 1 / 19 + 1 / 7 + 1 / 14))
    ratio = 2 * 14 / (19 * 7)
    assert two_by_two.woolf_interval(2, 21, 7, 21) == close(
        (ratio / spread, ratio * spread)
    )


@settings(max_examples=60, deadline=None)
@given(strategies.data())
def test_swapping_groups_inverts_every_effect(data):
    n1, n2 = (data.draw(strategies.integers(1, 25)) for _ in range(2))
    x1 = data.draw(strategies.integers(0, n1))
    x2 = data.draw(strategies.integers(0, n2))
    a, b = (x1, n1, x2, n2), (x2, n2, x1, n1)

    def inverse(interval):
        low, high = interval
        return (1 / high if high else INF), (1 / low if low else INF)

    for table in (two_by_two.ODDS_RATIO_INTERVALS, two_by_two.RISK_RATIO_INTERVALS):
        for _, function in table.values():
            expected = function(*b, 0.9)
            if not math.isnan(expected[0]):
                assert function(*a, 0.9) == close(inverse(expected), rel=1e-6)
    for _, function in two_by_two.RISK_DIFFERENCE_INTERVALS.values():
        low, high = function(*b, 0.9)
        assert -1 - 1e-12 <= low <= high <= 1 + 1e-12
        assert function(*a, 0.9) == pytest.approx((-high, -low), abs=1e-7)
    for test in two_by_two.TESTS.values():
        p, q = test(*a, "less").p_value, test(*b, "greater").p_value
        assert p == pytest.approx(q, rel=1e-9, nan_ok=True)
    limits = two_by_two.conditional_odds_ratio_interval(*a, 0.9)
    estimate = two_by_two.conditional_odds_ratio(*a)
    if not math.isnan(estimate):
        assert limits[0] <= estimate <= limits[1]


def test_score_intervals_cover_in_a_seeded_simulation():
    rng = np.random.default_rng(7)
    x1, x2 = rng.binomial(18, 0.5, 1500), rng.binomial(15, 0.25, 1500)
    known: dict[tuple[int, int], tuple[bool, bool]] = {}
    for pair in set(zip(x1.tolist(), x2.tolist(), strict=True)):
        low, high = two_by_two.score_difference_interval(pair[0], 18, pair[1], 15)
        lower, upper = two_by_two.score_risk_ratio_interval(pair[0], 18, pair[1], 15)
        known[pair] = (low <= 0.25 <= high, lower <= 2 <= upper)
    covered = np.mean([known[p] for p in zip(x1, x2, strict=True)], axis=0)
    assert (covered > 0.93).all()
    assert (covered < 0.975).all()


# Pairs


@pytest.mark.parametrize(
    ("gained", "lost", "plain", "corrected", "exact", "mid_p"),
    [
        # R: mcnemar.test(m, correct = FALSE) and (m), binom.test(b, b + c)$p.value;
        # mid-P: 2 * pbinom(min(b, c), b + c, .5) - dbinom(b, b + c, .5), and for
        # b = c 1 - dbinom(b, b + c, .5)/2 (Fagerland, Lydersen and Laake 2013).
        (1, 7, (4.5, 0.0338948535247), (3.125, 0.0770998717435), 0.0703125, 0.0390625),
        (5, 5, (0, 1), (0, 1), 1, 1 - 252 / 1024 / 2),
        (
            12,
            2,
            (7.14285714286, 0.00752631516646),
            (5.78571428571, 0.0161569312612),
            0.012939453125,
            0.00738525390625,
        ),
        (
            0,
            6,
            (6, 0.0143058784354),
            (4.16666666667, 0.0412268333372),
            0.03125,
            0.015625,
        ),
    ],
)
def test_mcnemar_against_r(gained, lost, plain, corrected, exact, mid_p):
    test = paired_binary.mcnemar(gained, lost)
    assert (test.statistic, test.p_value) == close(plain)
    test = paired_binary.mcnemar(gained, lost, variant="corrected")
    assert (test.statistic, test.p_value) == close(corrected)
    assert paired_binary.mcnemar_exact(gained, lost).p_value == close(exact)
    test = paired_binary.mcnemar_exact(gained, lost, mid_p=True)
    assert test.p_value == close(mid_p)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # R: uniroot on Tango's score, the restricted likelihood by uniroot.
        ((59, 6, 16, 80), (-0.12402343246407, -0.00543339573168)),
        ((1, 1, 7, 12), (-0.5172322764214, -0.0260030324809)),
        ((3, 0, 6, 9), (-0.5625053270405, -0.0988277018045)),
        ((3, 5, 5, 9), (-0.282177249826, 0.282177249826)),
        ((4, 0, 0, 9), (-0.228095372354, 0.228095372354)),
    ],
)
def test_tango_against_r(cells, expected):
    assert paired_binary.tango_interval(*cells) == close(expected)


def test_paired_newcombe_printed():
    # R package contingencytables: Newcombe_square_and_add_CI_paired_2x2, -0.1186 to
    # -0.0046; more digits from R by prop.test(..., correct = FALSE) and the formula.
    # The second has a negative phi, the third one that the correction makes 0.
    limits = paired_binary.newcombe_interval(59, 6, 16, 80)
    assert limits == pytest.approx((-0.1186, -0.0046), abs=5.1e-5)
    assert limits == close((-0.11862119563871, -0.00462511393305))
    assert paired_binary.newcombe_interval(36, 12, 2, 0) == close(
        (0.0569295840032, 0.3404276029749)
    )
    assert paired_binary.newcombe_interval(3, 4, 2, 5) == close(
        (-0.202050570949, 0.445091592826)
    )


def test_paired_effects_by_hand():
    estimate, (low, high) = paired_binary.conditional_odds_ratio(12, 2)
    # R: binom.test(12, 14)$conf.int = 0.5718708, 0.9822055
    assert estimate == 6
    assert low == pytest.approx(0.5718708 / 0.4281292, rel=1e-6)
    assert high == pytest.approx(0.9822055 / 0.0177945, rel=1e-5)
    ratio, limits = paired_binary.risk_ratio(5, 6, 2, 9)
    error = math.sqrt((6 + 2) / (11 * 7))
    assert ratio == close(11 / 7)
    assert limits[1] / ratio == close(math.exp(1.959963984540054 * error))
    d, error = 4 / 22, math.sqrt(8 - 16 / 22) / 22
    half = 1.959963984540054 * error
    assert paired_binary.wald_interval(5, 6, 2, 9) == close((d - half, d + half))


# Tables of any size


@pytest.mark.parametrize(
    ("table", "fisher_p", "chi"),
    [
        # R: fisher.test(m)$p.value; chisq.test(m) statistic, df, p. The first is
        # Agresti's job satisfaction table.
        (
            [[1, 3, 10, 6], [2, 3, 10, 7], [1, 6, 14, 12], [0, 1, 9, 11]],
            0.782684938966,
            (None, 9, 0.743364725053),
        ),
        (
            [[3, 2, 4], [0, 5, 4], [1, 1, 0]],
            0.204695490268,
            (5.69444444444, 4, 0.223158982606),
        ),
        (
            [[3, 4, 5, 2], [1, 1, 9, 6]],
            0.169960795871,
            (5.70597238896, 3, 0.12682526544),
        ),
        (
            [[4, 2], [0, 2], [3, 0], [1, 5]],
            0.0350473056355,
            (8.30324074074, 3, 0.0401432298181),
        ),
    ],
)
def test_association_against_r(table, fisher_p, chi):
    assert contingency.fisher(table).p_value == close(fisher_p)
    test = contingency.chi_square(table)
    assert (test.df, test.p_value) == close(chi[1:])
    if chi[0] is not None:
        assert test.statistic == close(chi[0])


def test_fisher_equals_enumeration_and_the_two_by_two_test():
    table = np.array([[2, 0, 3], [1, 4, 0], [0, 2, 2]])

    def probability(t):
        return 1 / math.prod(math.factorial(v) for v in t.ravel())

    rows, columns = table.sum(1), table.sum(0)
    total = less = 0.0
    for a, b, c, d in itertools.product(range(6), repeat=4):
        t = np.zeros((3, 3), dtype=int)
        t[:2, :2] = [[a, b], [c, d]]
        t[:2, 2] = rows[:2] - t[:2, :2].sum(1)
        t[2] = columns - t[:2].sum(0)
        if (t >= 0).all():
            p = probability(t)
            total += p
            less += p * (p <= probability(table) * (1 + 1e-7))
    assert contingency.fisher(table).p_value == close(less / total)
    assert contingency.fisher(table.T).p_value == close(less / total)
    assert contingency.fisher([[2, 19], [7, 14]]).p_value == close(0.130013690989)


def test_empty_rows_and_columns_do_not_matter():
    table = [[3, 4, 0, 5], [0, 0, 0, 0], [1, 1, 0, 9]]
    smaller = [[3, 4, 5], [1, 1, 9]]
    for test in (contingency.fisher, contingency.chi_square):
        assert test(table).p_value == close(test(smaller).p_value)
    with pytest.raises(MethodError, match="two categories"):
        contingency.fisher([[3, 0], [4, 0]])
    with pytest.raises(MethodError, match="whole numbers"):
        contingency.chi_square([[3, 0.5], [4, 1]])


def test_a_table_too_large_is_refused_at_once():
    with pytest.raises(MethodError, match="too large"):
        contingency.fisher(np.full((6, 6), 20))


# Rows


def individual(x1, n1, x2, n2):
    event = [1] * x1 + [0] * (n1 - x1) + [1] * x2 + [0] * (n2 - x2)
    rows = pd.DataFrame({"group": ["new"] * n1 + ["old"] * n2, "event": event})
    return Sample(kind="individual", rows=rows, groups=("new", "old"), reference="old")


def test_rows_of_two_groups():
    rows = tables.estimate(individual(2, 21, 7, 21), SETTINGS)
    odds = only(rows, "odds_ratio")
    assert (odds.group, odds.reference, odds.n, odds.events) == ("new", "old", 42, 9)
    assert odds.estimate == close(0.218363973588)
    assert (odds.test, odds.interval_method) == ("Fisher", "conditional exact")
    ratio, reduction = only(rows, "risk_ratio"), only(rows, "risk_reduction")
    assert ratio.estimate == close(2 / 7)
    assert reduction.estimate == close(5 / 7)
    assert (reduction.conf_low, reduction.conf_high) == close(
        (1 - ratio.conf_high, 1 - ratio.conf_low)
    )
    difference = only(rows, "risk_difference")
    assert (difference.estimate, difference.unit) == (close(-5 / 21), "proportion")
    needed = only(rows, "number_needed_to_treat")
    assert needed.estimate == close(21 / 5)
    assert "no finite interval" in needed.note
    for row in (odds, ratio, difference):
        assert row.p_value == close(0.130013690989)
    assert [r.test for r in rows if r.statistic == "test"] == [
        "Fisher",
        "Fisher, mid-P",
        "chi-square",
        "chi-square, Yates",
        "chi-square, n-1",
        "z, unpooled",
    ]
    assert only(rows, "proportion", group="new").estimate == 2 / 21
    assert only(rows, "proportion", group="").estimate == 9 / 42


def test_settings_choose_estimate_interval_and_test():
    chosen = {
        **SETTINGS,
        "test": "chi-square-yates",
        "alternative": "less",
        "odds_ratio": "sample",
        "interval_odds_ratio": "woolf",
        "interval_risk_ratio": "koopman",
        "interval_risk_difference": "mee",
    }
    rows = tables.estimate(individual(2, 21, 7, 21), chosen)
    odds = only(rows, "odds_ratio")
    assert odds.estimate == close(2 * 14 / (19 * 7))
    assert (odds.test, odds.alternative) == ("chi-square, Yates", "less")
    assert odds.p_value == close(0.132529139997 / 2)
    assert odds.interval_method == "Woolf"
    assert only(rows, "risk_ratio").interval_method == "Koopman"
    assert only(rows, "risk_difference").interval_method == "Mee"
    assert next(r.test for r in rows if r.statistic == "test") == "chi-square, Yates"
    rows = tables.estimate(
        individual(2, 21, 7, 21), {**SETTINGS, "test": "fisher-doubled"}
    )
    assert only(rows, "odds_ratio").test == "Fisher, doubled"


def test_number_needed_to_treat_has_limits_when_the_difference_does():
    rows = tables.estimate(individual(56, 70, 48, 80), SETTINGS)
    needed = only(rows, "number_needed_to_treat")
    assert needed.estimate == close(5)
    difference = only(rows, "risk_difference")
    assert (needed.conf_low, needed.conf_high) == close(
        (1 / difference.conf_high, 1 / difference.conf_low)
    )


def test_zero_cells():
    rows = tables.estimate(individual(0, 16, 15, 72), SETTINGS)
    odds = only(rows, "odds_ratio")
    assert (odds.estimate, odds.conf_low) == (0, 0)
    assert odds.conf_high == close(1.14090125218)
    assert "empty" in odds.note
    assert math.isnan(only(rows, "risk_ratio").conf_high)
    assert "Nobody" in only(rows, "risk_ratio").note
    rows = tables.estimate(individual(5, 5, 0, 6), SETTINGS)
    odds = only(rows, "odds_ratio")
    assert (odds.estimate, odds.conf_high) == (INF, INF)
    assert only(rows, "risk_ratio").estimate == INF
    assert math.isnan(only(rows, "risk_reduction").estimate)


@pytest.mark.parametrize("odds_ratio", ["sample", "conditional-mle"])
@pytest.mark.parametrize("test", [*two_by_two.TESTS, "mcnemar"])
@pytest.mark.parametrize(
    "cells",
    [
        (0, 3, 0, 4),
        (3, 3, 4, 4),
        (0, 1, 1, 1),
        (1, 2, 0, 1),
        (1, 3, 0, 0),
        (0, 0, 0, 0),
    ],
)
def test_awkward_tables_never_fail(cells, test, odds_ratio):
    for rd, rr, oratio in itertools.zip_longest(
        two_by_two.RISK_DIFFERENCE_INTERVALS,
        two_by_two.RISK_RATIO_INTERVALS,
        two_by_two.ODDS_RATIO_INTERVALS,
    ):
        chosen = {
            **SETTINGS,
            "test": test,
            "odds_ratio": odds_ratio,
            "interval_risk_difference": rd,
            "interval_risk_ratio": rr or "log",
            "interval_odds_ratio": oratio or "woolf",
        }
        for row in tables.estimate(individual(*cells), chosen):
            if row.statistic == "test":
                assert not math.isnan(row.p_value) or row.note
            elif not math.isfinite(row.estimate):
                assert row.note
            if row.conf_low == row.conf_high:
                assert "no width" in row.note


def test_one_group_and_several_groups():
    one = pd.DataFrame({"event": [1, 0, 1], "group": ["a"] * 3})
    sample = Sample(kind="individual", rows=one, groups=("a",), reference="a")
    rows = tables.estimate(sample, SETTINGS)
    assert only(rows, "proportion", group="a").estimate == 2 / 3
    assert "two groups" in only(rows, "odds_ratio").note
    three = pd.DataFrame({"group": list("abc"), "count": [4, 2, 3], "n": [6, 4, 3]})
    sample = Sample(kind="summary", rows=three, groups=("a", "b", "c"), reference="c")
    rows = tables.estimate(sample, SETTINGS)
    assert only(rows, "odds_ratio", group="b").reference == "c"
    overall = only(rows, "test", group="", test="Fisher")
    assert overall.p_value == close(
        contingency.fisher([[4, 2], [2, 2], [3, 0]]).p_value
    )
    assert only(rows, "test", group="", test="chi-square").df == 2


def test_before_and_after():
    rows = pd.DataFrame(
        {"before": [1, 0, 0, 1, 1, 0, 1, 1], "after": [0, 0, 0, 0, 0, 1, 1, 0]}
    )
    result = tables.estimate(Sample(kind="individual", rows=rows), SETTINGS)
    odds = only(result, "odds_ratio")
    assert odds.estimate == 0.25
    assert odds.test == "McNemar, exact"
    assert odds.p_value == close(0.375)
    assert only(result, "proportion", term="before").estimate == 5 / 8
    assert only(result, "count", term="gained").estimate == 1
    assert only(result, "risk_difference").estimate == close(-3 / 8)
    assert only(result, "risk_ratio").estimate == close(0.4)
    tests = [r.test for r in result if r.statistic == "test"]
    names = ["McNemar, exact", "McNemar", "McNemar, corrected", "McNemar, mid-P"]
    assert tests == names
    chosen = {**SETTINGS, "test": "mcnemar", "interval_risk_difference": "mee"}
    result = tables.estimate(Sample(kind="individual", rows=rows), chosen)
    assert only(result, "risk_difference").interval_method == "Tango"
    assert only(result, "odds_ratio").p_value == close(0.179712494879)


@pytest.mark.parametrize("before", [[], [0, 0, 0], [1, 1, 1], [0, 1]])
@pytest.mark.parametrize("interval", ["wald", "newcombe", "mee"])
def test_awkward_pairs_never_fail(before, interval):
    rows = pd.DataFrame({"before": before, "after": [1] * len(before)})
    chosen = {**SETTINGS, "interval_risk_difference": interval}
    for row in tables.estimate(Sample(kind="individual", rows=rows), chosen):
        if row.statistic != "test" and not math.isfinite(row.estimate):
            assert row.note
        if row.conf_low == row.conf_high:
            assert "no width" in row.note


def test_matched_pairs_of_two_groups():
    rows = pd.DataFrame(
        {
            "pair": [1, 1, 2, 2, 3, 3, 4],
            "group": ["a", "b", "a", "b", "b", "a", "a"],
            "event": [1, 0, 1, 1, 0, 1, 1],
        }
    )
    sample = Sample(kind="individual", rows=rows, groups=("a", "b"), reference="b")
    result = tables.estimate(sample, SETTINGS)
    odds = only(result, "odds_ratio")
    # The fourth pair lacks its partner; two pairs favour a, none b.
    assert (odds.estimate, odds.n, odds.group) == (INF, 3, "a")
    assert odds.p_value == close(0.5)
    assert only(result, "n", group="a").estimate == 4
    twice = Sample(
        kind="individual",
        rows=pd.concat([rows, rows]),
        groups=("a", "b"),
        reference="b",
    )
    (row,) = tables.estimate(twice, SETTINGS)
    assert "more than one patient" in row.note


def test_categories_by_group():
    rows = pd.DataFrame({"group": list("aabbcc") * 2, "value": list("xyzxyzxxyyzz")})
    sample = Sample(kind="individual", rows=rows, groups=("a", "b", "c"), reference="c")
    result = tables.estimate(sample, {**SETTINGS, "test": "chi-square"})
    assert only(result, "count", group="a", term="x").estimate == 3
    tests = [r for r in result if r.statistic == "test"]
    assert [t.test for t in tests] == ["chi-square", "Fisher"]
    assert tests[0].test_statistic == close(7.5)
    assert "below 5" in tests[0].note
    same = Sample(
        kind="individual",
        rows=pd.DataFrame({"group": ["a", "b"], "value": ["x", "x"]}),
        groups=("a", "b"),
        reference="b",
    )
    for test in (r for r in tables.estimate(same, SETTINGS) if r.statistic == "test"):
        assert math.isnan(test.p_value)
        assert test.note
        assert (test.group, test.reference) == ("a", "b")


@pytest.mark.parametrize(
    "columns",
    [{"event": [0, 3]}, {"count": [9], "n": [3]}, {"before": [2], "after": [0]}, {}],
)
def test_unusable_data_become_a_note(columns):
    sample = Sample(kind="individual", rows=pd.DataFrame(columns))
    (row,) = tables.estimate(sample, SETTINGS)
    assert math.isnan(row.estimate)
    assert row.note.endswith(".")


def test_no_figure_of_its_own():
    assert tables.figure_data(individual(1, 2, 1, 2), SETTINGS) == {}
