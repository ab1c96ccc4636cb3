cart = Cart
cart-empty = Your cart is empty.
cart-empty-browse = Look around
cart-quantity = How many of { $name }
cart-update = Update
cart-remove = Remove
cart-remove-it = Remove { $name }
cart-mend = Please change what is marked before you check out.
cart-checkout = Go to checkout
cart-gone = This is not sold any more. Please remove it.
cart-short = { $count ->
    [0] This is sold out. Please remove it.
    [one] Only one is left.
   *[other] Only { $count } are left.
}
cart-price-changed = The price has changed; it was { $before }.
cart-backordered = { $count ->
    [one] One of them ships later, when it is back.
   *[other] { $count } of them ship later, when they are back.
}
cart-items = { $count ->
    [one] One item
   *[other] { $count } items
}
cart-add = Add to cart
cart-add-quantity = Quantity
cart-add-wrong = Please enter a whole number from 1 to 999. If it was one, it is more than we sell at once.
cart-sold-out = Sold out

coupon-add = I have a coupon
coupon-use = Apply
coupon-remove-it = Remove the coupon { $code }
coupon-refused-unknown = We do not know this coupon.
coupon-refused-not_yet = This coupon is not valid yet.
coupon-refused-over = This coupon has expired.
coupon-refused-below_minimum = This coupon needs a larger order. It is taken off once your cart comes to its minimum.
coupon-refused-used_up = This coupon has been used up.
coupon-refused-not_together = This coupon cannot be used with the other one.

summary = Summary
sum-items = Items
sum-discount = Discount
sum-shipping = Shipping
sum-shipping-later = Calculated at checkout
sum-shipping-next = Calculated in the next step
sum-shipping-here = Depends on what you choose
sum-free = Free
sum-tax = Tax
sum-tax-included = Tax included
sum-total = Total

checkout = Checkout
step-address = Address
step-shipping = Shipping
step-payment = Payment
step-review = Review
checkout-known = Already have an account?
checkout-login = Sign in
checkout-book = Your addresses
checkout-to = Ships to
checkout-change = Change
checkout-change-address = Change the address
checkout-change-shipping = Change the shipping method
checkout-change-payment = Change the payment method
checkout-change-cart = Change the cart
checkout-to-shipping = Continue to shipping
checkout-to-payment = Continue to payment
checkout-to-review = Review your order
checkout-place = Place order and pay { $total }
checkout-terms = With your order you agree to our terms:
checkout-held = These items are reserved for you while you check out.
shipping-none = We do not ship these items to your address.

payment-manual = Bank transfer
payment-manual-hint = You transfer the money once you have ordered.
payment-test = Test card
payment-test-hint = No money moves.
payment-stripe = Card
payment-stripe-hint = You pay on the page of our payment provider.
card-succeeds = Pays
card-declined = Is declined
card-confirm = Asks you to confirm
card-slow = Takes two seconds
card-times_out = Pays, but the answer is lost

order-title = Order { $number }
order-thanks = Thank you for your order
order-waits = Your order is not paid yet
order-waits-text = We keep everything of your order { $number } for you until it is.
order-thanks-text = Your order { $number } is with us. We have sent you a message with everything in it.
order-items = What you ordered
order-progress = Progress
order-returned = { $count ->
    [one] One of them came back.
   *[other] { $count } of them came back.
}
order-paid = Paid
order-refunded = Paid back
order-pay = Payment
order-pay-do = Pay { $total }
order-pay-until = Please pay by { $day }. Your items are reserved until then.
order-pay-hours = Please pay within { $count } hours. Your items are reserved until then.
order-pay-minutes = { $count ->
    [one] Please pay within a minute. Your items are reserved until then.
   *[other] Please pay within { $count } minutes. Your items are reserved until then.
}
order-declined = Your payment was declined, and nothing was charged. Please try again or use another card.
order-confirm = Your bank wants you to confirm the payment.
order-confirm-do = Confirm the payment
order-go-on = You pay on the page of our payment provider, and come back here afterwards.
order-go-on-do = Continue to payment
order-on-its-way = Your payment is on its way. It can take a moment until we hear of it.
order-look-again = Look again
order-transfer = Please transfer { $total } and write { $number } as the reference.
order-transfer-ask = You get our bank details from us on request:
order-give-up = Cancel this order
order-give-up-text = Nothing is sent then, and nothing is charged.
order-give-up-do = Yes, cancel the order
state-pending = Ordered
state-paid = Paid
state-shipped = On its way
state-delivered = Arrived
state-completed = Completed
state-cancelled = Cancelled
state-expired = Not paid in time
state-refunding = Refund on its way
state-refunded = Refunded

find-order = Find your order
find-order-text = With the number from our message and your e-mail address.
find-order-do = Find it

form-optional = (optional)
form-wrong = Please look at these once more:
field-email = E-mail address
field-name = Name
field-company = Company
field-line1 = Street and number
field-line2 = Flat, floor, building
field-postcode = Postal code
field-city = Town
field-region = State or province
field-country = Country
field-country-choose = Choose a country
field-phone = Telephone
field-note = Something we should know
field-code = Coupon code
field-card = Which card
field-number = Order number
fault-email = Please enter an e-mail address such as ada@example.org.
fault-name = Please enter a name.
fault-company = This is too long.
fault-line1 = Please enter a street and a number.
fault-line2 = This is too long.
fault-postcode = Please enter a postal code as it is written in that country.
fault-city = Please enter a town.
fault-region = Please enter the state or province.
fault-country = Please choose a country.
fault-phone = Please enter a telephone number.
fault-note = This is too long.
fault-quantity = Please enter a whole number from 0 to 999. If it was one, it is more than we sell at once.
fault-sku = We do not have this any more.
fault-lines = There is no room for more things in the cart.
fault-coupons = These are too many coupons.
fault-shipping_method = Please choose how we shall send it.
fault-payment = Please choose how you want to pay.
fault-card = Please choose a card.
fault-number = Please enter the number, such as 7K3Q-9F2M-XXXX.
problem-changed = A price has changed since you looked. Nothing was ordered: please check the new total, and order if it suits you.
problem-cannot-order = Something in your cart is no longer available. Nothing was ordered: please check it below.
problem-cart-changed = Your cart has changed since you looked. Nothing was ordered: please check the new total, and order if it suits you.
problem-too-much-unpaid = You have ordered as much as we send out before it is paid. Nothing was ordered: please pay or cancel one of your orders, order less, or get in touch with us.
problem-payment-paused = So many cards were declined that we take none for a while. Please try again later, or get in touch with us.
problem-already-ordered = This cart has already been ordered.
problem-illegal-step = That is not possible any more.
problem-idempotency-in-flight = Your order is just being taken. Please look again in a moment.
problem-too-many-requests = That was too often. Please wait a moment and try again.
problem-not-found = We did not find it. Please look at what you typed once more.
problem-other = That did not work. Please try again.

country-AT = Austria
country-AU = Australia
country-BE = Belgium
country-BR = Brazil
country-CA = Canada
country-CH = Switzerland
country-CN = China
country-CZ = Czechia
country-DE = Germany
country-DK = Denmark
country-ES = Spain
country-FI = Finland
country-FR = France
country-GB = United Kingdom
country-HK = Hong Kong
country-IE = Ireland
country-IN = India
country-IT = Italy
country-JP = Japan
country-KR = South Korea
country-LU = Luxembourg
country-MX = Mexico
country-NL = Netherlands
country-NO = Norway
country-NZ = New Zealand
country-PL = Poland
country-PT = Portugal
country-SE = Sweden
country-SG = Singapore
country-TW = Taiwan
country-US = United States
