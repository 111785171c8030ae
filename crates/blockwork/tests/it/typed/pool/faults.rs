//! Others' code panics, or a parent has no memory: at each call, one after the
//! other, and nothing is lost.

use super::*;

type Work<T, A> = (&'static str, fn(&mut Pool<T, A>));

fn ten<T: Element, A: Allocate>(pool: &Pool<T, A>) {
    (0..10).for_each(|n| _ = pool.insert(T::new(n)));
    core::mem::forget(pool.alloc_box(T::new(10)));
}

/// Every operation that runs code of others.
fn works<T: Element, A: Allocate>() -> Vec<Work<T, A>> {
    vec![
        ("drop", |pool| drop(pool.alloc_box(T::new(20)))),
        ("boxed with", |pool| {
            let make = || {
                foreign_code();
                T::new(20)
            };
            drop(pool.alloc_box_with(make));
        }),
        ("insert with key", |pool| {
            pool.insert_with_key(|_| {
                foreign_code();
                T::new(20)
            });
        }),
        ("into inner", |pool| drop(PoolBox::into_inner(pool.alloc_box(T::new(20))))),
        ("remove", |pool| {
            let key = pool.insert(T::new(20));
            drop(pool.remove(key));
        }),
        ("retain", |pool| {
            let mut turn = false;
            pool.retain(|_, _| {
                foreign_code();
                turn = !turn;
                turn
            });
        }),
        ("drain", |pool| drop(pool.drain())),
        ("drain some", |pool| pool.drain().take(4).for_each(drop)),
        ("clear", Pool::clear),
    ]
}

fn each_call_may_panic<T: Element>() {
    watched(|strict| {
        for (name, work) in works::<T, &Strict>() {
            for call in 0.. {
                let mut pool = Pool::new(strict);
                ten(&pool);
                let panicked = panicking_at(call, || work(&mut pool));
                assert_eq!(pool.check(), Ok(()), "{name}");
                assert!(pool.iter().all(|(key, value)| pool[key] == *value && value.number() < 100), "{name}");
                ten(&pool);
                end(pool);
                if !panicked {
                    break;
                }
            }
        }
    });
}

#[test]
fn each_call_of_others_code_may_panic() {
    each_call_may_panic::<Token>();
    each_call_may_panic::<Marker>();
}

#[test]
fn a_drop_that_panics_when_the_pool_goes_stops_no_other() {
    watched(|strict| {
        for call in 0..12 {
            let pool = Pool::<Token, _>::new(strict);
            ten(&pool);
            assert_eq!(panicking_at(call, || drop(pool)), call < 11);
            assert_none_lives();
            assert_eq!(strict.live_blocks(), 0);
        }
    });
}

/// Every method that asks for memory and can say that there is none.
fn requests(pool: &mut Pool<Token, &Failing<Strict>>) -> Result<(), AllocError> {
    for n in 0..30 {
        let boxed = pool.try_alloc_box(Token::new(n)).map_err(|token| assert_eq!(token.number(), n));
        core::mem::forget(boxed.map_err(|()| AllocError)?);
        pool.try_insert(Token::new(n)).map_err(|token| assert_eq!(token.number(), n)).map_err(|()| AllocError)?;
        let _ = pool.try_alloc_box_with(|| Token::new(n)).map(PoolBox::into_key)?;
        pool.try_insert_with_key(|_| Token::new(n))?;
    }
    pool.try_reserve(1000)
}

#[test]
fn each_request_may_fail() {
    for plan in [When::Once, When::From] {
        for refused in 0.. {
            let parent = Failing::new(Strict::new(), plan(refused));
            let mut pool = Pool::new(&parent);
            let outcome = requests(&mut pool);
            assert_eq!((pool.check(), outcome.is_err()), (Ok(()), parent.failures() != 0));
            let (live, blocks) = (pool.values_live(), parent.parent().live_blocks());
            if outcome.is_err() {
                parent.set(When::From(0));
                assert_eq!(pool.try_reserve(100_000), Err(AllocError));
                assert_eq!((pool.values_live(), parent.parent().live_blocks()), (live, blocks));
            }
            // What was refused once works another time.
            parent.set(When::Never);
            assert_eq!(requests(&mut pool), Ok(()));
            assert_eq!(pool.values_live(), live + 120);
            end(pool);
            assert_eq!((parent.parent().live_bytes(), parent.parent().faults()), (0, vec![]));
            if outcome.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn rows_that_were_reserved_in_vain_go_back() {
    let parent = Failing::new(Strict::new(), When::Once(4));
    let pool = Pool::<u64, _>::new(&parent);
    pool.insert(1);
    let capacity = pool.capacity();
    assert_eq!(pool.try_reserve(1000), Err(AllocError));
    assert_eq!((pool.capacity(), parent.parent().live_blocks()), (capacity, 1));
    pool.reserve(1000);
    let requests = parent.requests();
    (0..1000).for_each(|n| _ = pool.insert(n));
    assert_eq!(parent.requests(), requests);
}

#[test]
fn reserving_more_than_there_can_be_is_refused_at_once() {
    let parent = Failing::new(Strict::new(), When::Never);
    let pool = Pool::<[u64; 4], _>::new(&parent);
    for much in [usize::MAX, isize::MAX as usize, u32::MAX as usize, u32::MAX as usize - 1] {
        assert_eq!(pool.try_reserve(much), Err(AllocError));
    }
    assert_eq!(parent.requests(), 0);
}

#[test]
fn infallible_methods_panic_and_lose_nothing() {
    let pool = Pool::<Token, _>::new(Failing::new(Strict::new(), When::From(0)));
    let works: [&dyn Fn(); 5] = [
        &|| drop(pool.alloc_box(Token::new(1))),
        &|| drop(pool.alloc_box_with(|| unreachable!("not called"))),
        &|| _ = pool.insert(Token::new(1)),
        &|| _ = pool.insert_with_key(|_| unreachable!("not called")),
        &|| pool.reserve(1),
    ];
    for work in works {
        let payload = panic::catch_unwind(AssertUnwindSafe(work)).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"memory allocation failed"));
        assert_none_lives();
    }
    end(pool);
}
