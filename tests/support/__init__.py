"""What tests are made with: servers, tills, workers, counters."""
