-- Flights are compared by price in one currency only: minor units of different currencies have no order.
create index flights_by_currency on views.flights (price_currency, price_amount, id);
drop index views.flights_by_price;
