package codec_test

// threadClock says whether CPU time can be read here.
const threadClock = true
