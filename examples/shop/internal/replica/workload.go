package replica

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

var (
	firstNames = []string{"Ada", "Grace", "Zoë", "Mary Ann", "Jean-Luc", "Søren", "Nguyễn", "Miriam", "D'Arcy", "Li"}
	lastNames  = []string{"Lovelace", "Hopper", "O'Brien", "van der Berg", "Núñez", "Smith", "", "Kierkegaard", "李", "de la Cruz"}
)

// request is one user's visit, drawn up before it is sent.
type request struct {
	what string
	// customer is reserved for this request when exclusive is set; 0 when it is about nobody.
	customer  int64
	exclusive bool
	run       func(ctx context.Context) error
}

// workload draws up requests and remembers what this replica wrote, to check it at every later visit,
// whichever shape it is read in by then.
type workload struct {
	config   Config
	shop     Shop
	recorder *measure.Recorder
	random   *rand.Rand
	email    string // of sign-ups; %d numbers them
	signUps  int

	mu      sync.Mutex
	written map[int64]string   // full names of customers that only this replica writes
	known   []int64            // the keys of written
	busy    map[int64]struct{} // customers with an exclusive request under way
}

func newWorkload(config Config, shop Shop, recorder *measure.Recorder, now time.Time) *workload {
	return &workload{
		config: config, shop: shop, recorder: recorder,
		random:  rand.New(rand.NewPCG(uint64(config.Slot), uint64(now.UnixNano()))),
		email:   fmt.Sprintf("new-%d-%d-%%d@shop.example", config.Slot, now.UnixNano()),
		written: make(map[int64]string), busy: make(map[int64]struct{}),
	}
}

// next draws up one request. Only one goroutine may call it.
func (w *workload) next() request {
	switch dice := w.random.IntN(100); {
	case dice < 30:
		return w.profile(w.anyone())
	case dice < 50:
		return w.checkedProfile()
	case dice < 60:
		return w.newest()
	case dice < 75:
		return w.rename()
	case dice < 85:
		return w.signUp()
	default:
		return w.order()
	}
}

func (w *workload) anyone() int64 { return 1 + w.random.Int64N(w.config.Customers) }

func (w *workload) name() Name {
	return Name{
		First: firstNames[w.random.IntN(len(firstNames))],
		Last:  lastNames[w.random.IntN(len(lastNames))],
	}
}

func (w *workload) profile(id int64) request {
	return request{what: "profile", customer: id, run: func(ctx context.Context) error {
		name, err := w.shop.Profile(ctx, id)
		if err != nil {
			return err
		}
		return checkName(fmt.Sprintf("customer %d", id), name)
	}}
}

// checkedProfile visits a customer that this replica wrote before and expects that very name.
func (w *workload) checkedProfile() request {
	id, want, found := w.reserveWritten()
	if !found {
		return w.profile(w.anyone())
	}
	return request{what: "profile", customer: id, exclusive: true, run: func(ctx context.Context) error {
		name, err := w.shop.Profile(ctx, id)
		if err != nil {
			return err
		}
		return Expect(fmt.Sprintf("customer %d", id), name.Full(), want)
	}}
}

func (w *workload) newest() request {
	visitor := w.anyone()
	return request{what: "newest", run: func(ctx context.Context) error {
		names, err := w.shop.Newest(ctx, visitor, 20)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := checkName("a new customer", name); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (w *workload) rename() request {
	id, found := w.reserveOwn()
	if !found {
		return w.profile(w.anyone())
	}
	name := w.name()
	return request{what: "rename", customer: id, exclusive: true, run: func(ctx context.Context) error {
		err := w.shop.Rename(ctx, id, name)
		if err != nil {
			w.forget(id)
			return err
		}
		w.remember(id, name)
		w.recorder.Renamed()
		return nil
	}}
}

func (w *workload) signUp() request {
	w.signUps++
	email, name := fmt.Sprintf(w.email, w.signUps), w.name()
	return request{what: "sign-up", run: func(ctx context.Context) error {
		id, err := w.shop.SignUp(ctx, email, name)
		if err != nil {
			return err
		}
		w.remember(id, name)
		w.recorder.SignedUp()
		return nil
	}}
}

func (w *workload) order() request {
	customer, cents := w.anyone(), 100+w.random.Int64N(100_000)
	return request{what: "order", customer: customer, run: func(ctx context.Context) error {
		return w.shop.Order(ctx, customer, cents)
	}}
}

// reserveOwn picks a customer that no other replica renames and no other request of this one is about.
func (w *workload) reserveOwn() (int64, bool) {
	slots := int64(w.config.Slots)
	id := w.random.Int64N(w.config.Customers/slots)*slots + int64(w.config.Slot) + 1
	w.mu.Lock()
	defer w.mu.Unlock()
	return id, w.reserve(id)
}

func (w *workload) reserveWritten() (id int64, want string, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.known) == 0 {
		return 0, "", false
	}
	id = w.known[w.random.IntN(len(w.known))]
	want, found = w.written[id]
	return id, want, found && w.reserve(id)
}

func (w *workload) reserve(id int64) bool {
	if _, busy := w.busy[id]; busy {
		return false
	}
	w.busy[id] = struct{}{}
	return true
}

func (w *workload) release(r request) {
	if !r.exclusive {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, r.customer)
}

func (w *workload) remember(id int64, name Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.written[id]; !known {
		w.known = append(w.known, id)
	}
	w.written[id] = name.Full()
}

// forget drops what was known of a customer after a write whose outcome is unknown.
func (w *workload) forget(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.written, id)
}
