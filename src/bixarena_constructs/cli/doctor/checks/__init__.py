"""What ``bixarena doctor`` looks at, a module for each part of a deployed task."""
