"""How the cameras and the platform are doing: rates and Prometheus text."""
