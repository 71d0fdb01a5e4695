module multibeam/bench

go 1.21
