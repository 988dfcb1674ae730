module eco2/lab/tools/pause

go 1.26
