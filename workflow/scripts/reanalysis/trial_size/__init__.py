"""What a number of patients allows: power, smallest p, dose escalation."""
