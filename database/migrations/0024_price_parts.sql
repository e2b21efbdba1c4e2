-- A price may list the parts that add up to it, and a flight may have a policy for cancellations. A booking and a
-- refund keep those that they were made with.
alter table flights add column price_parts text collate "C";
comment on column flights.price_parts is 'Minor units of the fare, taxes and fees of the price, as JSON; null: not listed';
alter table bookings add column cost_parts text collate "C";
comment on column bookings.cost_parts is 'Minor units of the fare, taxes and fees of the cost, as JSON; null: not listed';
alter table refunds add column parts text collate "C";
comment on column refunds.parts is 'Minor units of the fare, taxes and fees of the amount, as JSON; null: not listed';
alter table flights add column cancellation_policy text collate "C";
comment on column flights.cancellation_policy is 'What cancellations of later bookings give back, as JSON; null: everything';
alter table bookings add column cancellation_policy text collate "C";
comment on column bookings.cancellation_policy is 'What its cancellation gives back, as JSON; null: everything';
