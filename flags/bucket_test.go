package flags_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/expandcontract/migrate/flags"
)

// TestBucketNeverChanges pins results that were computed outside Go, with
// sha256sum. Another result would move units between paths in mid-rollout.
func TestBucketNeverChanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key, unit string
		want      int
	}{
		{"users.split-name", "1", 61},
		{"users.split-name", "42", 6},
		{"users.split-name", "customer-7", 79},
		{"users.split-name", "", 42},
		{"0007_split_name", "00000000-0000-0000-0000-000000000001", 55},
		{"größe", "日本", 93},
		{"k", strings.Repeat("x", 600), 20},
	} {
		if got := flags.Bucket(test.key, test.unit); got != test.want {
			t.Errorf("Bucket(%q, %q) = %d, want %d", test.key, test.unit, got, test.want)
		}
	}
}

func TestBucketOfLongUnit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, unit := rapid.String().Draw(t, "key"), rapid.StringN(0, 600, -1).Draw(t, "unit")
		bucket := flags.Bucket(key, unit)
		if bucket < 0 || bucket >= flags.Buckets {
			t.Fatalf("bucket %d lies outside 0 to 99", bucket)
		}
		if again := flags.Bucket(key, unit); again != bucket {
			t.Fatalf("bucket %d, then %d", bucket, again)
		}
	})
}

func TestUnitsStayWhenThePercentageRises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringN(1, 40, -1).Draw(t, "key")
		unit := rapid.StringN(1, 40, -1).Draw(t, "unit")
		was := false
		for percent := range 101 {
			rollout, err := flags.Partial(percent)
			if err != nil {
				t.Fatal(err)
			}
			is := rollout.Includes(key, unit)
			if was && !is {
				t.Fatalf("the unit left when the percentage rose to %d", percent)
			}
			if is != rollout.Includes(key, unit) {
				t.Fatalf("two answers at %d%%", percent)
			}
			was = is
		}
		if !was {
			t.Fatal("the unit is out at 100%")
		}
	})
}

// TestBucketsAreEven draws the flag and how units are named, and looks at where
// 10,000 such units go: each percentage takes in its share, within seven standard
// deviations of a fair draw (3.5 points at 50%), and so does each bucket.
func TestBucketsAreEven(t *testing.T) {
	t.Parallel()
	const units = 10_000
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringN(1, 30, -1).Draw(t, "key")
		format := rapid.SampledFrom([]string{"%d", "user-%d", "%08d", "%x@example.com", "00000000-0000-0000-0000-%012d"}).Draw(t, "format")
		first := rapid.IntRange(0, 1<<40).Draw(t, "first")
		var counts [flags.Buckets]int
		for i := range units {
			counts[flags.Bucket(key, fmt.Sprintf(format, first+i))]++
		}
		fair := func(count int, share float64) bool {
			return math.Abs(float64(count)-units*share) <= 7*math.Sqrt(units*share*(1-share))
		}
		below := 0
		for bucket, count := range counts {
			if !fair(count, 1.0/flags.Buckets) {
				t.Fatalf("bucket %d has %d of %d units", bucket, count, units)
			}
			below += count
			if percent := bucket + 1; !fair(below, float64(percent)/flags.Buckets) {
				t.Fatalf("%d%% takes in %d of %d units", percent, below, units)
			}
		}
	})
}

// TestFlagsSortIndependently checks that two flags at 50% share a quarter of the
// units and not half or none: else the same customers would try everything.
func TestFlagsSortIndependently(t *testing.T) {
	t.Parallel()
	const units = 20_000
	half := partial(t, 50)
	both := 0
	for i := range units {
		unit := fmt.Sprint(i)
		if half.Includes("users.split-name", unit) && half.Includes("orders.total-cents", unit) {
			both++
		}
	}
	// Six standard deviations of 61.
	if both < units/4-370 || both > units/4+370 {
		t.Errorf("%d of %d units are in both flags, expected about %d", both, units, units/4)
	}
}

func TestEmptyUnitNeedsFull(t *testing.T) {
	t.Parallel()
	for percent := range 101 {
		if got, want := partial(t, percent).Includes("key", ""), percent == 100; got != want {
			t.Errorf("an empty unit at %d%%: %t, want %t", percent, got, want)
		}
	}
}
