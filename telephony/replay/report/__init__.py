"""What runs and their comparisons look like to people and programs: tables, JSON, pages."""
