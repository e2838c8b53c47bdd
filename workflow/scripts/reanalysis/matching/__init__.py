"""Groups that were not randomised: propensity scores, matched sets, weights."""
