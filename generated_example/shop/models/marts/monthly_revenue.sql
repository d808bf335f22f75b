/* Revenue per month, for the finance team's report */
MODEL (
  name marts.monthly_revenue,
  kind VIEW,
  grain month,
  owner finance,
  tags ('dagster:group_name:marts', 'finance'),
  audits (
    unique_values(columns := (month))
  )
);

SELECT
  DATE_TRUNC('MONTH', order_date)::DATE AS month, -- First day of the month
  SUM(pieces)::BIGINT AS pieces, -- Pieces sold
  SUM(revenue)::DECIMAL(18, 2) AS revenue -- In euros
FROM marts.daily_revenue
GROUP BY
  1
