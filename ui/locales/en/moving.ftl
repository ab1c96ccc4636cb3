moving-failed = That did not work, and nothing has changed. Please try again.
moving-lost = The shop cannot be reached. What you see stays; we keep trying.
moving-back = The shop can be reached again.
moving-suggestions = Suggestions: #. Choose with the arrow keys.
drawer-close = Close
drawer-cart = Look at the cart
drawer-adding = Adding…
cart-said = { $items } in the cart, { $total } in all.
cart-less = One less of { $name }
cart-more = One more of { $name }
list-shown = { $count ->
    [0] Nothing fits.
    [one] One product is shown.
   *[other] { $count } products are shown.
}
