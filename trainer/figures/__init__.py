"""Pictures of runs. What needs Matplotlib imports it when it draws."""
